/** `/sre`: the pipeline. What is at fault first, then the worst of everything. */
import type { FleetNode, LedgerView, PartitionView, ReceiverView } from "../../../schemas/http.ts";
import { levelMark } from "../charts/level.ts";
import type { PipelineView, RefusedSample } from "../pipeline_view.ts";
import { cellsOf, type Column, figures, line, place, type Slots, table } from "./layout.ts";
import { type Markup, markup, nothing } from "./markup.ts";
import { type Acting, actingMarkup, silenceColumns, silenceLine } from "./acting.ts";
import { alertLine, allAlertColumns } from "./alert_lines.ts";
import { partitionColumns, partitionLine, tinted } from "./partition_lines.ts";
import { recordLink } from "./record_link.ts";
import { type Lines, linesOf, type PageView } from "./page.ts";
import { age, clockOf, none, percent, plural, secondsText, spaced, timeOf, whole } from "./wording.ts";

export function pipelinePage(view: PipelineView, acting: Acting): PageView {
  const nowMs = Date.parse(view.now);
  const { verdict, partitions, sink, ledger } = view;
  const counted = new Map(ledger.partitions.map((counts) => [nameOf(counts), counts]));
  const alarm = verdict.level === "fault" ? "(fault) " : "";
  return {
    kind: "pipeline",
    status: 200,
    acts: acting.may,
    title: `${alarm}Pipeline · Waymark`,
    parts: {
      verdict: markup`<p class="verdict is-${verdict.level}" data-culprit="${verdict.culprit}">${
        levelMark(verdict.level)
      }<span>${verdict.text}${
        verdict.advice === null ? null : markup`<small>${verdict.advice}</small>`
      }</span></p>`,
      worst: worstOf(view, nowMs),
      partitions: linesOf(
        partitions.map((p) => [nameOf(p), partitionLine(p, counted.get(nameOf(p)) ?? null)]),
      ),
      nodes: linesOf(view.nodes.map((node) => [node.address ?? node.node, nodeLine(node)])),
      actors: actorLines(partitions),
      counters: linesOf(
        Object.entries(ledger.total).map(([topic, counts]) => [
          topic,
          counterLine(topic, counts, publishedOf(partitions, topic)),
        ]),
      ),
      misplaced: misplacedNote(view),
      letters: linesOf(view.dead_letters.map((letter) => [
        `${letter.topic}/${letter.partition}/${letter.offset}`,
        letterLine(letter, nowMs),
      ])),
      sinks: linesOf([
        ["clickhouse", sinkLine(sink)],
        ...view.receivers.map((receiver) => [`to ${receiver.receiver}`, receiverLine(receiver)] as const),
      ]),
      alerts: linesOf(view.alerts.map((alert) => [
        alert.alert_id,
        alertLine(alert, { nowMs, columns: allAlertColumns, acts: acting.may }),
      ])),
      silences: linesOf(view.silences.map((one) => [one.id, silenceLine(one, nowMs, acting.may)])),
      acting: actingMarkup(acting),
    },
  };
}

const nameOf = ({ topic, partition }: { topic: string; partition: number }): string =>
  `${topic}/${partition}`;

const publishedOf = (partitions: readonly PartitionView[], topic: string): number =>
  partitions.reduce((sum, p) => p.topic === topic ? sum + p.published : sum, 0);

export const pipelineBody = (slot: Slots): Markup =>
  markup`<div class="head"><h1>Pipeline</h1></div>
${place(slot, "verdict")}
${place(slot, "worst", "section")}
<section class="block"><h2>Partitions, worst first</h2>${
    table(slot, {
      name: "partitions",
      label: "Partitions, worst first",
      columns: partitionColumns,
      isTall: true,
    })
  }</section>
<div class="columns">
<section class="block wide"><h2>Records</h2>${
    table(slot, { name: "counters", label: "What became of the records", columns: counterColumns })
  }${place(slot, "misplaced")}</section>
<section class="block"><h2>Last dead letters</h2>${
    table(slot, { name: "letters", label: "Last dead letters", columns: letterColumns })
  }</section>
<section class="block"><h2>Sinks</h2>${
    table(slot, { name: "sinks", label: "Sinks", columns: sinkColumns })
  }</section>
<section class="block"><h2>Actors</h2>${
    table(slot, { name: "actors", label: "Actors by kind", columns: actorColumns })
  }</section>
<section class="block"><h2>Nodes</h2>${
    table(slot, { name: "nodes", label: "Nodes", columns: nodeColumns })
  }</section>
<section class="block wide"><h2>Alerts</h2>${
    table(slot, { name: "alerts", label: "Alerts", columns: allAlertColumns })
  }${slot("acting")}</section>
<section class="block wide"><h2>Silences in force</h2>${
    table(slot, { name: "silences", label: "Silences in force", columns: silenceColumns })
  }</section>
</div>`;

const most = (values: readonly (number | null)[]): number | null => {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : Math.max(...known);
};

/** The greatest of each measure, over all partitions. */
function worstOf({ partitions, sink, ledger, watermarks }: PipelineView, nowMs: number): Markup {
  const refused = Object.values(ledger.total).reduce((sum, { dead_lettered }) => sum + dead_lettered, 0);
  const measures: [label: string, value: Markup | string][] = [
    ["longest lag", secondsText(most(partitions.map((p) => p.lag_seconds)))],
    ["most records waiting", whole(most(partitions.map((p) => p.lag_records)))],
    [
      "data complete to",
      watermarks.rides === null
        ? none
        : markup`${clockOf(watermarks.rides, true)}<small>${age(watermarks.rides, nowMs)} behind</small>`,
    ],
    ["oldest snapshot", secondsText(most(partitions.map((p) => p.snapshot_age_seconds)))],
    ["oldest row waiting", sink.state === "off" ? none : secondsText(sink.oldest_seconds)],
    ["dead letters", whole(refused)],
  ];
  return markup`<h2 class="unseen">The worst of each measure</h2>${figures(measures)}`;
}

const counterColumns: readonly Column[] = [
  { key: "name", label: "Topic" },
  { key: "in", label: "In" },
  { key: "out", label: "Out", help: "records published since the present owners took the partitions over" },
  { key: "counted", label: "Counted" },
  { key: "late", label: "Late", help: "behind the watermark and counted all the same" },
  { key: "toolate", label: "Too late", help: "refused: their windows have closed for good" },
  { key: "double", label: "Duplicates" },
  { key: "letters", label: "Dead letters", help: "no valid event" },
  { key: "misplaced", label: "Misplaced", help: "on another partition than their key hashes to" },
];

function counterLine(topic: string, counts: LedgerView["total"][string], published: number): Markup {
  const { read, counted, late, too_late, duplicates, dead_lettered, misplaced } = counts;
  return line(
    topic,
    cellsOf(counterColumns, [
      topic,
      whole(read),
      whole(published),
      whole(counted),
      whole(late),
      tinted(too_late),
      whole(duplicates),
      tinted(dead_lettered),
      tinted(misplaced),
    ]),
  );
}

/** A producer with another partitioner is found by where its records land. */
function misplacedNote({ ledger }: PipelineView): Markup {
  const misplaced = ledger.partitions.filter((p) => p.misplaced > 0).toSorted((a, b) =>
    b.misplaced - a.misplaced
  );
  const named = misplaced.slice(0, 6).map((p) => `${p.topic}/${p.partition} (${whole(p.misplaced)})`).join(
    ", ",
  );
  const others = misplaced.length > 6 ? ` and ${misplaced.length - 6} more` : "";
  const missing = ledger.complete ? null : `Not in these counts: ${ledger.missing.join(", ") || "a node"}. `;
  if (misplaced.length === 0 && missing === null) return nothing;
  return markup`<p class="note">${missing}${
    misplaced.length === 0
      ? null
      : `Misplaced on ${named}${others}: a producer chooses partitions in another way than WAYMARK_PARTITIONER says.`
  }</p>`;
}

const letterColumns: readonly Column[] = [
  { key: "name", label: "Record" },
  { key: "why", label: "Why" },
  { key: "when", label: "When" },
];

function letterLine(letter: RefusedSample, nowMs: number): Markup {
  return line(
    `${letter.topic}/${letter.partition}/${letter.offset}`,
    cellsOf(letterColumns, [
      recordLink(letter),
      markup`<code>${letter.code}</code><small>${letter.message}</small>`,
      timeOf(letter.at, nowMs),
    ]),
  );
}

const actorColumns: readonly Column[] = [
  { key: "name", label: "Kind" },
  { key: "count", label: "In memory" },
  { key: "busiest", label: "Busiest partition" },
  { key: "share", label: "Its share" },
];

function actorLines(partitions: readonly PartitionView[]): Lines {
  const kinds = new Set(partitions.flatMap(({ actors }) => Object.keys(actors)));
  return linesOf([...kinds].map((kind) => {
    const holders = partitions.filter(({ actors }) => (actors[kind] ?? 0) > 0);
    const count = holders.reduce((sum, { actors }) => sum + actors[kind]!, 0);
    const [busiest] = holders.toSorted((a, b) => b.actors[kind]! - a.actors[kind]!);
    return [
      kind,
      line(
        kind,
        cellsOf(actorColumns, [
          spaced(kind),
          whole(count),
          busiest === undefined
            ? none
            : markup`${busiest.topic}/${busiest.partition}<small>${whole(busiest.actors[kind])}</small>`,
          busiest === undefined ? none : percent(busiest.actors[kind]! / count, 0),
        ]),
      ),
    ] as const;
  }));
}

const sinkColumns: readonly Column[] = [
  { key: "name", label: "Sink" },
  { key: "state", label: "State" },
  { key: "rows", label: "Rows in" },
  { key: "waiting", label: "Waiting" },
  { key: "oldest", label: "Oldest" },
];

function sinkLine(sink: PipelineView["sink"]): Markup {
  const tone = sink.state === "failing" ? "bad" : sink.state === "behind" ? "warn" : "";
  return line(
    "clickhouse",
    cellsOf(sinkColumns, [
      "ClickHouse",
      markup`<span class="${tone}">${sink.state}${
        sink.error === null ? null : markup`<small>${sink.error}</small>`
      }</span>`,
      whole(sink.rows),
      whole(sink.lag_records),
      sink.state === "off" ? none : secondsText(sink.oldest_seconds),
    ]),
    { say: `ClickHouse: ${sink.state}` },
  );
}

/** Who is told of alerts: a sink of its own, which falls behind and fails like the other. */
function receiverLine({ receiver, pending, oldest_seconds, failing }: ReceiverView): Markup {
  const state = failing === null ? "running" : "failing";
  return line(
    `to ${receiver}`,
    cellsOf(sinkColumns, [
      markup`${receiver}<small>alerts</small>`,
      markup`<span class="${failing === null ? "" : "bad"}">${state}${
        failing === null ? null : markup`<small title="${failing}">${failing}</small>`
      }</span>`,
      none,
      whole(pending),
      pending === 0 ? none : secondsText(oldest_seconds),
    ]),
    { say: `${receiver}: ${state}` },
  );
}

const nodeColumns: readonly Column[] = [
  { key: "name", label: "Node" },
  { key: "address", label: "Address" },
  { key: "answers", label: "Answers" },
  { key: "partitions", label: "Partitions" },
];

function nodeLine(node: FleetNode): Markup {
  return line(
    node.address ?? node.node,
    cellsOf(nodeColumns, [
      node.node === "" ? none : node.node,
      node.address ?? none,
      node.answered ? "yes" : markup`<span class="bad">no</span>`,
      plural(node.partitions, "partition"),
    ]),
  );
}
