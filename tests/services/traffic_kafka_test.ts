/** `traffic --to kafka` and `replay --to kafka` over a real Kafka: the ledger is exactly what the topics hold. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, describe, it } from "node:test";
import { readConfig } from "../../src/config.ts";
import { fromUtf8 } from "../../src/ids.ts";
import { partitionOf } from "../../src/log/partitioner.ts";
import type { Log, LogRecord } from "../../src/log/port.ts";
import { openConfiguredKafka } from "../../src/node/parts.ts";
import { systemClock } from "../../src/time.ts";
import { trafficFormats } from "../../src/traffic/formats.ts";
import type { SentItem, TrafficTopic } from "../../src/traffic/item.ts";
import { brokers, freshPrefix } from "./kafka_under_test.ts";
import { waymark, waymarkUntil } from "./waymark_process.ts";

const topics = ["ride-events", "driver-locations"] as const;
type Held = LogRecord & { partition: number };

let folder: string;
let prefix: string;
let log: Log;
before(async () => folder = await mkdtemp(join(tmpdir(), "waymark-traffic-")));
after(async () => {
  await log.close();
  await rm(folder, { recursive: true, force: true });
});
beforeEach(async () => {
  await log?.close();
  prefix = freshPrefix();
  log = await openConfiguredKafka({ config: readConfig(environment()), clock: systemClock });
});

const environment = (more: Record<string, string> = {}) => ({
  KAFKA_BROKERS: brokers.join(","),
  WAYMARK_TOPIC_PREFIX: prefix,
  WAYMARK_PARTITIONS: "ride-events=5,driver-locations=7",
  ...more,
});

async function held(name: TrafficTopic): Promise<Held[]> {
  const topic = prefix + name;
  const all: Held[] = [];
  for (const [partition, { start, end }] of (await log.bounds(topic)).entries()) {
    for (let offset = start; offset < end;) {
      const records = await log.read({ topic, partition }, offset, 5_000);
      all.push(...records.map((record) => ({ ...record, value: record.value.slice(), partition })));
      offset = records.at(-1)!.offset + 1;
    }
  }
  return all;
}

async function heldRecords(): Promise<number> {
  let records = 0;
  for (const name of topics) {
    const topic = prefix + name;
    if (await log.partitionCount(topic) === null) return 0;
    for (const { start, end } of await log.bounds(topic)) records += end - start;
  }
  return records;
}

const textOf = ({ value }: LogRecord | SentItem) => typeof value === "string" ? value : fromUtf8(value);

/** What a topic's records show by themselves: of an event sent again all copies are the same bytes. */
function shown(records: Held[]) {
  const events = records.filter((r) => !isPoison(r)).map(textOf);
  const distinct = new Set(events);
  return { sent: records.length, events: distinct.size, duplicates: events.length - distinct.size };
}

/** What is no event says so in its key. */
const isPoison = ({ key }: LogRecord) => fromUtf8(key!).startsWith("poison-");

async function recorded(path: string): Promise<SentItem[]> {
  const items: SentItem[] = [];
  for await (const chunk of (await trafficFormats.jsonl.open(path)).chunks) items.push(...chunk);
  return items;
}

/** Without the time that a file adds to what was sent. */
const withoutTime = (text: string) => text.replace(/,?"recorded_at":"[^"]*"\}$/, "}");

async function equalsLedger(ledgerPath: string, recordPath: string) {
  const ledger = JSON.parse(await readFile(ledgerPath, "utf8"));
  const file = await recorded(recordPath);
  assert.equal(file.length, ledger.sent);
  for (const topic of topics) {
    const records = await held(topic);
    const { sent, events, duplicates, poison } = ledger.topics[topic];
    assert.deepEqual(shown(records), { sent, events, duplicates });
    assert.equal(sent, events + duplicates + poison);
    const ids = new Set(records.filter((r) => !isPoison(r)).map((r) => fromUtf8(r.key!)));
    assert.equal(ledger[topic === "ride-events" ? "distinct_rides" : "distinct_drivers"], ids.size);
    const wanted = file.filter((item) => item.topic === topic);
    assert.deepEqual(
      records.map(textOf).sort(),
      wanted.map((item) => withoutTime(textOf(item))).sort(),
    );
    // In each partition what was sent there, in the order of sending.
    for (const key of [...ids].slice(0, 200)) {
      const inLog = records.filter((r) => fromUtf8(r.key!) === key);
      assert.equal(new Set(inLog.map((r) => r.partition)).size, 1);
      assert.deepEqual(
        inLog.map(textOf),
        wanted.filter((item) => item.key === key).map((item) => withoutTime(textOf(item))),
      );
    }
  }
  const types: Record<string, number> = {};
  for (const text of new Set((await held("ride-events")).filter((r) => !isPoison(r)).map(textOf))) {
    const type = String(JSON.parse(text).event_type);
    types[type] = (types[type] ?? 0) + 1;
  }
  assert.deepEqual(types, ledger.event_types);
  return ledger;
}

const disturbed = [
  ...["--duplicates", "0.05", "--disorder", "0.1", "--late", "0.01", "--poison", "0.01"],
  ...["--positions", "0.7", "--seed", "7"],
];

describe("traffic --to kafka", () => {
  for (const partitioner of ["murmur2", "crc32"] as const) {
    it(`sends 20,000 records, each by ${partitioner} of its key, and says exactly what it sent`, async () => {
      const files = [join(folder, `${partitioner}.json`), join(folder, `${partitioner}.jsonl.gz`)] as const;
      const sent = await waymark(
        ["traffic", "--to", "kafka", "--events", "20000", "--rate", "20000/min", "--speed", "max"].concat(
          disturbed,
          ["--ledger", files[0], "--record", files[1]],
        ),
        environment({ WAYMARK_PARTITIONER: partitioner }),
      );
      assert.equal(sent.code, 0, sent.error);
      const ledger = await equalsLedger(...files);
      assert.equal(ledger.sent, 20_000);
      assert.deepEqual([ledger.repeated, ledger.unanswered], [0, 0]);
      assert.ok(ledger.duplicates > 100 && ledger.disordered > 100 && ledger.poison > 50, sent.out);
      for (const [topic, partitions] of [["ride-events", 5], ["driver-locations", 7]] as const) {
        const records = await held(topic);
        for (const { key, partition } of records) {
          assert.equal(partition, partitionOf(partitioner, key!, partitions));
        }
        assert.equal(new Set(records.map((r) => r.partition)).size, partitions);
      }
    });
  }

  it("ended in the middle has a ledger of exactly what the topics hold, and exit code 0", async () => {
    const files = [join(folder, "ended.json"), join(folder, "ended.jsonl")] as const;
    const ended = await waymarkUntil({
      args: ["traffic", "--to", "kafka", "--events", "10000000", "--rate", "8000/s"].concat(
        disturbed,
        ["--ledger", files[0], "--record", files[1]],
      ),
      environment: environment(),
      what: "3,000 records are there",
    }, async () => await heldRecords() >= 3_000);
    assert.equal(ended.code, 0, ended.error);
    assert.match(ended.out, /at most [\d,]+ ms behind their times \(p99 [\d,]+ ms\)/);
    const ledger = await equalsLedger(...files);
    assert.ok(ledger.sent >= 3_000);
    assert.equal(ledger.unanswered, 0);
  });

  it("refuses without KAFKA_BROKERS, and leaves no file", async () => {
    const ledger = join(folder, "none.json");
    const refused = await waymark(["traffic", "--to", "kafka", "--ledger", ledger], { KAFKA_BROKERS: "" });
    assert.equal(refused.code, 2);
    await assert.rejects(readFile(ledger), { code: "ENOENT" });
  });
});

describe("replay --to kafka", () => {
  it("sends a recorded file, with the broker's times, and says how much", async () => {
    const file = join(folder, "file.jsonl.gz");
    await waymark(["traffic", "--to", file, "--events", "5000", ...disturbed], environment());
    const replayed = await waymark(["replay", file, "--to", "kafka"], environment());
    assert.equal(replayed.code, 0, replayed.error);
    const items = await recorded(file);
    for (const topic of topics) {
      const records = await held(topic);
      const wanted = items.filter((item) => item.topic === topic);
      assert.deepEqual(records.map(textOf).sort(), wanted.map(textOf).sort());
      assert.match(replayed.out, new RegExp(`^${topic}: sent ${wanted.length.toLocaleString("en")}$`, "m"));
      assert.ok(records.every((r) => r.headers === null && r.timestampMs > Date.UTC(2026, 5)));
    }
  });
});
