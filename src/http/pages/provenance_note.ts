/** Who says so, and as of which position. */
import type { Provenance } from "../handles.ts";
import { type Markup, markup } from "./markup.ts";
import { clockOf, none, timeOf, whole } from "./wording.ts";

export function provenanceNote(owner: Provenance, jsonPath: string, nowMs: number): Markup {
  const { node, topic, partition, offset, watermark } = owner;
  return markup`<p>Folded on <b>${node}</b> from <span class="mono">${topic}/${partition}</span> up to offset ${
    whole(offset)
  }, watermark ${watermark === null ? none : timeOf(watermark, nowMs)}; answered at ${
    clockOf(owner.as_of, true)
  }. <a href="${jsonPath}">The same as JSON</a></p>`;
}
