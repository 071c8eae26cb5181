/** `/records/{topic}/{partition}/{offset}`: a record of the log, and its neighbours. */
import type { RawRecord } from "../handles.ts";
import { place, type Slots } from "./layout.ts";
import { type Markup, markup, nothing } from "./markup.ts";
import type { PageView } from "./page.ts";
import { recordPath } from "./record_link.ts";
import { plural, whole } from "./wording.ts";

export function recordPage(record: RawRecord): PageView {
  const { topic, partition, offset } = record;
  const name = `${topic}/${partition}/${offset}`;
  return {
    kind: "record",
    status: 200,
    title: `${name} · Waymark`,
    parts: { heading: markup`<small>Record</small> ${name}`, record: content(record) },
  };
}

export const recordBody = (slot: Slots): Markup =>
  markup`<div class="head">${place(slot, "heading", "h1")}</div>
${place(slot, "record", "section")}`;

function content(record: RawRecord): Markup {
  const { topic, partition, offset, at, key, headers, bytes, value } = record;
  const neighbour = (by: 1 | -1, said: string) =>
    offset + by < 0
      ? null
      : markup`<a href="${recordPath({ topic, partition, offset: offset + by })}">${said}</a>`;
  const facts: [string, Markup | string][] = [
    ["Log time", at],
    ["Key", key === null ? markup`<span class="quiet">none, or no text</span>` : markup`<code>${key}</code>`],
    ["Size", plural(bytes, "byte")],
    ...Object.entries(headers).map(([name, text]) =>
      [name, markup`<code>${text}</code>`] as [string, Markup]
    ),
  ];
  return markup`<div class="card"><dl class="facts">${
    facts.map(([name, said]) => markup`<div><dt>${name}</dt><dd>${said}</dd></div>`)
  }</dl>${sourceLink(record)}
<pre tabindex="0" aria-label="Value"><code>${
    value === null ? `${whole(bytes)} bytes that are no text` : pretty(value)
  }</code></pre>
<p class="pager">${neighbour(-1, "← before")} ${neighbour(1, "after →")} \
<a href="/v1${recordPath(record)}">as JSON</a></p></div>`;
}

/** Of a dead letter or a late event: the record it is a copy of. */
function sourceLink({ headers }: RawRecord): Markup {
  const { source_topic: topic, source_partition: partition, source_offset: offset } = headers;
  if (topic === undefined || partition === undefined || offset === undefined) return nothing;
  const source = { topic, partition: Number(partition), offset: Number(offset) };
  return markup`<p><a href="${recordPath(source)}">To the record it came from</a></p>`;
}

/** Indented when it is JSON that says the same indented; else as it is. */
function pretty(text: string): string {
  try {
    const value: unknown = JSON.parse(text);
    // Repeated keys and numbers out of range would be lost by writing them again.
    return JSON.stringify(value) === text.trim() ? JSON.stringify(value, null, 2) : text;
  } catch {
    return text;
  }
}
