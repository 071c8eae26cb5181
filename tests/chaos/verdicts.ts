/** What is left in the topics after a chaos run, held against the batch recount and against itself. */
import assert from "node:assert/strict";
import type { LedgerView } from "../../schemas/http.ts";
import type { Log, LogRecord } from "../../src/log/port.ts";
import { topicName, type TopicNaming } from "../../src/log/topics.ts";
import {
  alertsOf,
  factsOf,
  type Published,
  publishedOn,
  recordsOf,
  windowsOf,
} from "../pipeline/published.ts";
import { firstGroup } from "../pipeline/recounted.ts";
import { recount } from "../recount/recount.ts";

export type Left = {
  rides: LogRecord[][];
  late: Published[];
  dead: Published[];
};

export async function readLeft(log: Log, naming: TopicNaming): Promise<Left> {
  const name = topicName("ride-events", naming);
  const rides: LogRecord[][] = [];
  for (const [partition, { start, end }] of (await log.bounds(name)).entries()) {
    const records: LogRecord[] = [];
    for (let offset = start; offset < end;) {
      const read = await log.read({ topic: name, partition }, offset, 5_000);
      // Views into what was fetched: the rest of it must not stay.
      for (const record of read) records.push({ ...record, value: record.value.slice() });
      offset = read.at(-1)!.offset + 1;
    }
    rides.push(records);
  }
  return {
    rides,
    late: recordsOf(await publishedOn(log, "late-events", naming)),
    dead: recordsOf(await publishedOn(log, "dead-letters", naming)),
  };
}

/** Every last version of a window equals the recount; says how many. */
export async function windowsAreExact(log: Log, naming: TopicNaming, left: Left): Promise<string> {
  const published = windowsOf(await publishedOn(log, "analytics-aggregated", naming));
  const counted = recountOf(naming, left);
  const found = new Map(published.map((w) => [`${w.city}|${w.window_start}`, firstGroup(w)]));
  for (const [key, window] of counted.windows) assert.deepEqual(found.get(key), window, key);
  assert.deepEqual([...found.keys()].sort(), [...counted.windows.keys()].sort());
  return `${found.size} windows over ${counted.ledger.read.toLocaleString("en")} ride events`;
}

function recountOf(naming: TopicNaming, { rides, late, dead }: Left) {
  const prefix = `${topicName("ride-events", naming)}/`;
  const excluded = [...late.filter((l) => l.reason === "too_late"), ...dead].flatMap(({ source }) =>
    source.startsWith(prefix) ? [source.slice(prefix.length)] : []
  );
  const records = rides.flatMap((of, partition) => of.map((record) => ({ partition, ...record })));
  return recount(records, new Set(excluded));
}

/** The sum of all nodes' ledgers is what is in the topics, what the recount says, and what was published. */
export async function ledgerIsExact(
  log: Log,
  naming: TopicNaming,
  { left, ledger }: { left: Left; ledger: LedgerView },
): Promise<string> {
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
  const { distinct, duplicates, excluded } = recountOf(naming, left).ledger;
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
  const records = await publishedOn(log, "ride-facts", naming);
  const facts = factsOf(records);
  const alerts = alertsOf(await publishedOn(log, "alerts", naming));
  return `${facts.length} ride facts, told ${records.length} times; ${alerts.length} alert transitions`;
}
