/** I8: ClickHouse has each record of the topics once, with the same sums, and nothing else. */
import { type Checker, type Evidence, type EvidenceRecord, few, jsonOf, textOf } from "./evidence.ts";
import { oracleOf } from "./oracle.ts";

export const sink: Checker = { name: "I8 sink", check };

type Row = Record<string, unknown>;

function check(whole: Evidence): string[] {
  const complaints = [...whole.sinkBreaches];
  if (whole.scenario !== "foreign" && whole.liveness.reached) {
    // What a process says at its very end may wait for the sink of the next one.
    const isSunk = ({ topic, partition, offset }: EvidenceRecord) =>
      offset < (whole.sunk[`${topic}/${partition}`] ?? 0);
    const published = Object.fromEntries(
      Object.entries(whole.published).map(([name, records]) => [name, records.filter(isSunk)]),
    ) as Evidence["published"];
    const evidence = { ...whole, published };
    complaints.push(...rideEvents(evidence), ...windows(evidence), ...others(evidence));
  }
  return few(complaints);
}

/** Rows that ClickHouse refuses become dead letters instead. */
function rideEvents(evidence: Evidence): string[] {
  const { verdicts } = oracleOf(evidence);
  const refused = refusedIn(evidence);
  const wanted = new Map<string, number>();
  evidence.rides.forEach((records, partition) =>
    records.forEach((record, i) => {
      const verdict = verdicts[partition]![i]!;
      const isFuture = verdict === "dead" && isDecodable(record);
      const name = `ride-events/${partition}/${record.offset}`;
      if ((verdict === "dead" && !isFuture) || refused.has(name)) return;
      wanted.set(name, centsOf(jsonOf<Row>(record)["fare"]));
    })
  );
  const found = new Map(
    (evidence.tables["ride_events"] ?? []).map((row) => [
      `${row["topic"]}/${row["partition"]}/${row["offset"]}`,
      centsOf(row["fare"]),
    ]),
  );
  const sum = (values: Map<string, number>) =>
    [...values.values()].reduce((total, cents) => total + cents, 0);
  return [
    ...differences("ride_events", wanted, found),
    ...(sum(wanted) === sum(found)
      ? []
      : [`ride_events: fares are ${sum(found)} cents, of the topic ${sum(wanted)}`]),
  ];
}

/** Records whose rows ClickHouse refuses, by source: each is a dead letter. */
const refusedIn = ({ published }: Evidence): Set<string> =>
  new Set(
    published.dead.filter((d) => d.headers?.["reason"] === "clickhouse_refused").map((d) =>
      `${d.headers?.["source_topic"]}/${d.headers?.["source_partition"]}/${d.headers?.["source_offset"]}`
    ),
  );

/** The newest version of each window, and no other. */
function windows({ published, tables }: Evidence): string[] {
  const wanted = new Map<string, string>();
  for (const record of published.windows) {
    const window = jsonOf<Record<"city" | "window_start" | "rev", string>>(record);
    const key = `${window.city} ${Date.parse(window.window_start)}`;
    if (window.rev > (wanted.get(key) ?? "")) wanted.set(key, window.rev);
  }
  const found = new Map(
    (tables["city_windows"] ?? []).map((
      row,
    ) => [`${row["city"]} ${row["window_start"]}`, String(row["rev"])]),
  );
  return differences("city_windows", wanted, found);
}

function others(evidence: Evidence): string[] {
  const { published, tables } = evidence;
  const refused = refusedIn(evidence);
  const factIds = new Map(
    published.facts.filter((f) => !refused.has(`ride-facts/${f.partition}/${f.offset}`))
      .map((f) => [String(jsonOf<Row>(f)["fact_id"]), true]),
  );
  const facts = new Map((tables["ride_facts"] ?? []).map((row) => [String(row["fact_id"]), true]));
  const sourceOf = ({ headers }: EvidenceRecord) =>
    `${headers?.["source_topic"]}/${headers?.["source_partition"]}/${headers?.["source_offset"]}`;
  const rowSource = (row: Row) => `${row["topic"]}/${row["partition"]}/${row["offset"]}`;
  const remarks = (["late", "dead"] as const).flatMap((kind) => {
    const table = kind === "late" ? "late_events" : "dead_letters";
    return differences(
      table,
      new Map(published[kind].map((r) => [sourceOf(r), true])),
      new Map((tables[table] ?? []).map((row) => [rowSource(row), true])),
    );
  });
  return [...differences("ride_facts", factIds, facts), ...remarks];
}

function differences<T>(table: string, wanted: Map<string, T>, found: Map<string, T>): string[] {
  const missing = [...wanted.keys()].filter((key) => !found.has(key));
  const extra = [...found.keys()].filter((key) => !wanted.has(key));
  const wrong = [...wanted].filter(([key, value]) => found.has(key) && found.get(key) !== value);
  return [
    ...(missing.length > 0
      ? [`${table} lacks ${missing.length} of ${wanted.size} rows, first ${missing[0]}`]
      : []),
    ...(extra.length > 0
      ? [`${table} has ${extra.length} rows that are on no topic, first ${extra[0]}`]
      : []),
    ...wrong.slice(0, 2).map(([key, value]) => `${table} has ${found.get(key)} for ${key}; wanted: ${value}`),
  ];
}

const centsOf = (value: unknown): number => typeof value === "number" ? Math.round(value * 100) : 0;

/** A clock that is fast makes a dead letter of what is an event otherwise: ClickHouse has it among the raw rows. */
function isDecodable({ value }: EvidenceRecord): boolean {
  try {
    const sent = JSON.parse(textOf(value)) as Row;
    return typeof sent["ride_id"] === "string" && /^ride-\d+-\d+$/.test(sent["ride_id"]);
  } catch {
    return false;
  }
}
