/**
 * What is left in the topics after a chaos run, held against the batch recount, against ClickHouse and against itself.
 * Topics are read record by record: an hour of them does not fit into memory.
 */
import assert from "node:assert/strict";
import { minuteMs } from "../../src/time.ts";
import { isDeepStrictEqual } from "node:util";
import type { LedgerAnswer } from "../../schemas/http.ts";
import { hash64 } from "../../src/ids.ts";
import type { Log, LogRecord } from "../../src/log/port.ts";
import { type TopicName, topicName, type TopicNaming } from "../../src/log/topics.ts";
import type { Analytics } from "../../src/sinks/analytics.ts";
import { sinkTables } from "../../src/sinks/rows.ts";
import { eachOn, newestWindows, type Published, publishedOn, recordsOf } from "../pipeline/published.ts";
import { firstGroup } from "../pipeline/recounted.ts";
import { type Recount, startRecount } from "../recount/recount.ts";
import { type Figures, figuresOfTables, figuresOfTopics } from "../services/sink_truth.ts";

/** The last window of a city closes five minutes after its last event. */
const readingsMax = 10;

export type Left = {
  counted: Recount;
  late: Published[];
  dead: Published[];
};

/** Of the windows, summed over all of them: events that the recount has and the window has not, and the reverse. */
export type Difference = { lost: number; doubled: number };

/** Counts what is in the log. `each` sees every ride record on its way; its value is a view. */
export async function readLeft(
  log: Log,
  naming: TopicNaming,
  each: (record: LogRecord & { partition: number }) => void = () => {},
): Promise<Left> {
  const late = recordsOf(await publishedOn(log, "late-events", naming));
  const dead = recordsOf(await publishedOn(log, "dead-letters", naming));
  const name = topicName("ride-events", naming);
  const excluded = [...late.filter((l) => l.reason === "too_late"), ...dead].flatMap(({ source }) =>
    source.startsWith(`${name}/`) ? [source.slice(name.length + 1)] : []
  );
  const counting = startRecount(new Set(excluded));
  for await (const record of eachOn(log, name)) {
    counting.add(record);
    each(record);
  }
  return { counted: counting.result(), late, dead };
}

/** Every last version of a window equals the recount; says how many. */
/** Windows to be looked at: those that are told. All are when they have closed; `open` is for while they have not. */
export type Looked = "closed" | "open";

export async function windowsAreExact(
  log: Log,
  naming: TopicNaming,
  left: Left,
  looked: Looked = "closed",
): Promise<string> {
  const { found, counted } = await windowsOf(log, naming, { left, looked });
  for (const [key, window] of counted) assert.deepEqual(found.get(key), window, key);
  assert.deepEqual([...found.keys()].sort(), [...counted.keys()].sort());
  return `${found.size} windows over ${left.counted.ledger.read.toLocaleString("en")} ride events`;
}

/** How far the windows are from the recount, in events. */
export async function differenceOf(
  log: Log,
  naming: TopicNaming,
  left: Left,
  looked: Looked = "closed",
): Promise<Difference> {
  const { found, counted } = await windowsOf(log, naming, { left, looked });
  const difference = { lost: 0, doubled: 0 };
  for (const key of new Set([...found.keys(), ...counted.keys()])) {
    const events = (of: Map<string, { total_events: number }>) => of.get(key)?.total_events ?? 0;
    const surplus = events(found) - events(counted);
    if (surplus > 0) difference.doubled += surplus;
    else difference.lost -= surplus;
  }
  return difference;
}

async function windowsOf(log: Log, naming: TopicNaming, { left, looked }: { left: Left; looked: Looked }) {
  const found = await foundWindows(log, naming);
  const { windows: counted } = left.counted;
  if (looked === "closed") return { found, counted };
  const isTold = told(counted.keys());
  const only = <T>(all: Map<string, T>) => new Map([...all].filter(([key]) => isTold(key)));
  return { found: only(found), counted: only(counted) };
}

/** Of each city the windows up to the one that ends next after its newest minute: open ones beyond are told later. */
function told(keys: Iterable<string>): (key: string) => boolean {
  const parts = (key: string) => {
    const at = key.lastIndexOf("|");
    return { city: key.slice(0, at), startMs: Date.parse(key.slice(at + 1)) };
  };
  const newest = new Map<string, number>();
  for (const { city, startMs } of [...keys].map(parts)) {
    newest.set(city, Math.max(newest.get(city) ?? -Infinity, startMs));
  }
  return (key) => {
    const { city, startMs } = parts(key);
    return startMs + 5 * minuteMs <= newest.get(city)! + minuteMs;
  };
}

async function foundWindows(log: Log, naming: TopicNaming) {
  const newest = newestWindows();
  for await (const record of eachOn(log, topicName("analytics-aggregated", naming))) newest.add(record);
  return new Map(newest.windows().map((w) => [`${w.city}|${w.window_start}`, firstGroup(w)]));
}

/** The sum of all nodes' ledgers is what is in the topics, what the recount says, and what was published. */
export async function ledgerIsExact(
  log: Log,
  naming: TopicNaming,
  { left, ledger }: { left: Left; ledger: LedgerAnswer },
): Promise<string> {
  assert.ok(ledger.complete, `missing: ${ledger.missing.join(", ")}; ${JSON.stringify(ledger.nodes)}`);
  assert.ok(ledger.balanced, "read = counted + duplicates + too late + dead-lettered");
  assert.deepEqual(ledger.missed_after_idle, []);
  for (const topic of ["ride-events", "driver-locations"] as const) {
    const name = topicName(topic, naming);
    for (const [partition, { end }] of (await log.bounds(name)).entries()) {
      const line = ledger.partitions.filter((p) => p.topic === name && p.partition === partition);
      assert.equal(line.length, 1, `${name}/${partition} is in the ledger once`);
      assert.equal(line[0]!.read, end, `${name}/${partition} read`);
      const told = (all: Published[], reason?: string) =>
        all.filter((p) =>
          p.source.startsWith(`${name}/${partition}/`) && (reason === undefined || p.reason === reason)
        ).length;
      assert.deepEqual(
        [line[0]!.late, line[0]!.too_late, line[0]!.dead_lettered],
        [told(left.late, "late"), told(left.late, "too_late"), told(left.dead)],
        `${name}/${partition} late, too late, dead-lettered`,
      );
    }
  }
  const { distinct, duplicates, excluded } = left.counted.ledger;
  const total = ledger.total[topicName("ride-events", naming)]!;
  assert.deepEqual(
    [total.counted, total.duplicates, total.too_late + total.dead_lettered],
    [distinct, duplicates, excluded],
  );
  const n = (count: number) => count.toLocaleString("en");
  return `${n(total.read)} = ${n(total.counted)} counted + ${n(total.duplicates)} duplicates + ${
    n(total.too_late)
  } too late + ${n(total.dead_lettered)} dead-lettered`;
}

/** However often a fact or an alert was told, it was told the same. */
export async function factsAgree(log: Log, naming: TopicNaming): Promise<string> {
  const facts = await toldAlike(log, topicName("ride-facts", naming), (fact) => String(fact.fact_id));
  const alerts = await toldAlike(
    log,
    topicName("alerts", naming),
    ({ city, rule, window_end, state }) => [city, rule, window_end, state].join("|"),
  );
  return `${facts.distinct} ride facts, told ${facts.told} times; ${alerts.distinct} alert transitions`;
}

async function toldAlike(log: Log, topic: string, idOf: (value: Record<string, unknown>) => string) {
  const held = new Map<string, string>();
  let told = 0;
  for await (const { value } of eachOn(log, topic)) {
    told++;
    const text = new TextDecoder().decode(value);
    const id = idOf(JSON.parse(text));
    const { high, low } = hash64(text);
    const hash = `${high}.${low}`;
    assert.equal(hash, held.get(id) ?? hash, `${topic}: ${id} has two contents, one is ${text}`);
    held.set(id, hash);
  }
  return { told, distinct: held.size };
}

/** What Kafka has acknowledged is there, and nothing else but what may have come twice. */
export async function acknowledgedIsThere(
  log: Log,
  naming: TopicNaming,
  sent: { topic: TopicName; least: number; most: number }[],
): Promise<string> {
  const told = await Promise.all(sent.map(async ({ topic, least, most }) => {
    const ends = await log.bounds(topicName(topic, naming));
    const there = ends.reduce((sum, { start, end }) => sum + end - start, 0);
    assert.ok(least <= there && there <= most, `${topic} has ${there}, wanted ${least} to ${most}`);
    return `${topic} ${there.toLocaleString("en")} of ${least.toLocaleString("en")} acknowledged`;
  }));
  return told.join(", ");
}

/** Every table holds what the topics say, once. */
/**
 * The tables hold what the topics do. Both are read anew when they differ and something was published meanwhile: a window
 * may close minutes after the last event of its city. `copied` waits until the tables have everything.
 */
export async function tablesAreExact(
  log: Log,
  naming: TopicNaming,
  analytics: Analytics,
  copied: () => Promise<void> = () => Promise.resolve(),
): Promise<string> {
  const topics = sinkTables.map(({ topic }) => topicName(topic, naming));
  const ends = async () => await Promise.all(topics.map((topic) => log.bounds(topic)));
  let wanted: Figures;
  for (let attempt = 1;; attempt++) {
    await copied();
    const before = await ends();
    wanted = await figuresOfTopics(log, (of) => topicName(of, naming));
    const found = await figuresOfTables(analytics);
    if (isDeepStrictEqual(found, wanted)) break;
    const isStill = isDeepStrictEqual(await ends(), before);
    if (isStill || attempt === readingsMax) assert.deepEqual(found, wanted);
  }
  const rows = Object.values(wanted).reduce((sum, { rows }) => sum + Number(rows), 0);
  return `${rows.toLocaleString("en")} rows in ${Object.keys(wanted).length} tables`;
}
