/** I5: whoever owned what, what readers keep is the same: one id, one content, and what a calm owner publishes. */
import { type Checker, type Evidence, type EvidenceRecord, few, jsonOf } from "./evidence.ts";
import { oracleOf } from "./oracle.ts";

export const owners: Checker = { name: "I5 owners", check };

type Value = Record<string, unknown>;

function check(evidence: Evidence): string[] {
  // A log that was rolled back has had two records at one offset: nothing that is named by it is one thing.
  if (evidence.scenario === "foreign") return [];
  return few([...same(evidence), ...facts(evidence), ...calm(evidence)]);
}

/** Two versions under one name are equal, but for what is a remark about the moment of publishing. */
function same({ published }: Evidence): string[] {
  return [
    ...distinct(published.windows, (w) => `${w["city"]} ${w["window_start"]} rev ${w["rev"]}`),
    ...distinct(published.facts, (f) => `fact ${f["fact_id"]}`),
    ...distinct(published.alerts, (a) => `${a["rule"]} ${a["city"]} ${a["window_end"]} ${a["state"]}`),
  ];
}

/** Fields of a window that tell of the moment of publishing, which its rev says nothing of. */
const remarks = ["kind", "watermark", "surge_provisional"];

function distinct(records: EvidenceRecord[], nameOf: (value: Value) => string): string[] {
  const held = new Map<string, string>();
  const complaints: string[] = [];
  for (const record of records) {
    const value = jsonOf<Value>(record);
    const name = nameOf(value);
    const content = JSON.stringify(Object.entries(value).filter(([key]) => !remarks.includes(key)));
    const before = held.get(name);
    if (before !== undefined && before !== content) {
      complaints.push(`${name} has two contents: ${before} and ${content}`);
    }
    held.set(name, content);
  }
  return complaints;
}

/** One fact per ride that ended, named by the record that ended it. */
function facts(evidence: Evidence): string[] {
  const wanted = new Map(
    oracleOf(evidence).counted.filter((e) => e.type === "completed" || e.type === "cancelled")
      .map((e) => [`0/ride-events/${e.partition}/${e.offset}`, e]),
  );
  const found = new Map(evidence.published.facts.map((record) => {
    const fact = jsonOf<Value>(record);
    // Which of the record's effects it was says the last part.
    return [String(fact["fact_id"]).replace(/\/\d+$/, ""), fact] as const;
  }));
  const complaints: string[] = [];
  for (const [id, { ride, type }] of wanted) {
    const fact = found.get(id);
    if (fact === undefined) complaints.push(`${ride} ${type} at ${id} and there is no fact of it`);
    else if (fact["ride_id"] !== ride || fact["outcome"] !== type) {
      complaints.push(
        `fact ${id} is of ${fact["ride_id"]} ${fact["outcome"]}, by the inputs of ${ride} ${type}`,
      );
    }
  }
  for (const id of found.keys()) if (!wanted.has(id)) complaints.push(`fact ${id} is of no ride that ended`);
  return complaints;
}

/** Field by field what one owner publishes that nothing happens to: the gauges, too. */
function calm({ calm, published, locations }: Evidence): string[] {
  if (calm === null) return [];
  // Whether there are positions at all is known from the first one on; windows before it close with or without.
  const firstMs = Math.min(...locations.flat().map(({ timestampMs }) => timestampMs));
  const newest = new Map<string, Value>();
  for (const record of published.windows) {
    const window = jsonOf<Value>(record);
    const key = `${window["city"]} ${window["window_start"]}`;
    const before = newest.get(key);
    if (before === undefined || String(window["rev"]) > String(before["rev"])) newest.set(key, window);
  }
  const complaints: string[] = [];
  for (const window of calm.windows as Value[]) {
    if (Date.parse(String(window["window_end"])) <= firstMs) continue;
    const found = newest.get(`${window["city"]} ${window["window_start"]}`);
    for (const name of Object.keys(window)) {
      if (remarks.includes(name)) continue;
      if (JSON.stringify(found?.[name]) === JSON.stringify(window[name])) continue;
      complaints.push(
        `${window["city"]} ${window["window_start"]}: ${name} is ${JSON.stringify(found?.[name])}, ` +
          `of one calm owner ${JSON.stringify(window[name])}`,
      );
    }
  }
  return complaints;
}
