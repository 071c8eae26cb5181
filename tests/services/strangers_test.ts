/**
 * Ride events from clients that are not ours: kcat, and the Python package of which ride services are made. Each
 * brings the same events into an installation of its own on one Kafka; the service reads them, one after the other.
 *
 *   kcat, murmur2 ────────► a ─┐
 *   confluent_kafka, crc32 ► b ─┤ (read as murmur2: nearly every record is misplaced)
 *   our own door ─────────► c ─┼─► the same windows, the same ledger, every ride found
 *   confluent_kafka, crc32 ► d ─┘ (read as crc32: none is)
 *
 * Needs kcat, and Python with venv and a package index: without them it fails, and says what to install.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { LedgerAnswer, RideView } from "../../schemas/http.ts";
import { fromUtf8 } from "../../src/ids.ts";
import { openKafkaLog } from "../../src/log/kafka/log.ts";
import type { Log } from "../../src/log/port.ts";
import { lastWindows, windowLine } from "../../src/node/replay.ts";
import { systemClock } from "../../src/time.ts";
import { ledgerIsExact, type Left, readLeft, windowsAreExact } from "../chaos/verdicts.ts";
import { answerOf, ask, makeWorkers, runCommand, until } from "../chaos/workers.ts";
import { eachOn } from "../pipeline/published.ts";
import { brokers, freshPrefix } from "./kafka_under_test.ts";
import { type Client, confluentClient, drain, kcatClient, ownClient } from "./stranger_clients.ts";
import { example, exampleRide, type StrangerEvents, strangerEvents } from "./stranger_events.ts";

const readyMs = 180_000;
const closedMs = 180_000;
const askedAtOnce = 16;

/** What an installation answered, and what it left in its topics. */
type Outcome = {
  lines: string[];
  ledger: LedgerAnswer;
  /** The sum of the ride partitions. */
  total: LedgerAnswer["total"][string];
  left: Left;
  /** Of every ride record: its ride, and where it is. */
  records: { ride: string; partition: number }[];
  /** By ride: where its records are. */
  partitions: Map<string, number>;
  rides: Map<string, RideView>;
};

let folder: string;
let file: string;
let log: Log;
let sent: StrangerEvents;
let kcat: Client;
let confluent: Client;
const outcomes = new Map<string, Outcome>();

before(async () => {
  kcat = await kcatClient();
  folder = await mkdtemp(join(tmpdir(), "waymark-strangers-"));
  // What a failing `before` leaves behind, no `after` removes.
  confluent = await confluentClient(folder).catch(async (error) => {
    await rm(folder, { recursive: true, force: true });
    throw error;
  });
  sent = strangerEvents(systemClock.nowMs());
  file = join(folder, "events.jsonl");
  await writeFile(file, sent.lines.map((line) => `${line}\n`).join(""));
  log = await openKafkaLog({ brokers, clock: systemClock });
});

after(async () => {
  await log.close();
  await rm(folder, { recursive: true, force: true });
});

type Installation = { name: string; client: Client; partitioner: "murmur2" | "crc32" };

/** One installation from its topics to its drain; everything that can be said of it alone is asserted here. */
async function run({ name, client, partitioner }: Installation): Promise<Outcome> {
  const prefix = `${freshPrefix()}${name}.`;
  const naming = { prefix, generation: 1 };
  const variables = {
    KAFKA_BROKERS: brokers.join(","),
    WAYMARK_TOPIC_PREFIX: prefix,
    WAYMARK_GROUP: `${prefix}waymark`,
    WAYMARK_REDIS_PREFIX: prefix,
    WAYMARK_PARTITIONER: partitioner,
    WAYMARK_CLICKHOUSE: "off",
  };
  const home = join(folder, name);
  await runCommand(["topics"], variables);
  await client({ file, brokers: brokers.join(","), topic: `${prefix}ride-events`, variables, home });
  const partitions = await partitionsOf(`${prefix}ride-events`);
  const answered = await serve({ variables, home, partitions });
  const records: Outcome["records"] = [];
  const left = await readLeft(
    log,
    naming,
    ({ key, partition }) => records.push({ ride: fromUtf8(key!), partition }),
  );
  await windowsAreExact(log, naming, left);
  await ledgerIsExact(log, naming, { left, ledger: answered.ledger });
  const lines = (await lastWindows(log, { naming })).map(windowLine);
  const total = answered.ledger.total[`${prefix}ride-events`]!;
  return { ...answered, total, left, records, lines, partitions };
}

/** Starts the service on what is in the log, waits until every window is closed, asks it, and drains it. */
async function serve(
  { variables, home, partitions }: {
    variables: Record<string, string>;
    home: string;
    partitions: Map<string, number>;
  },
): Promise<Pick<Outcome, "ledger" | "rides">> {
  const settings = { ...variables, WAYMARK_IDLE_MS: "2000" };
  const [service] = await makeWorkers(1, { folder: home, variables: settings });
  const url = service!.url;
  service!.start();
  try {
    await until("the service is ready", async () => (await ask(`${url}/readyz`))?.status === 200, readyMs);
    await until("every window is closed", () => closedUpTo(url, sent.lastEndMs), closedMs);
    const ledger = (await answerOf(`${url}/v1/ledger`)).body as LedgerAnswer;
    assert.equal(
      await scraped(url, "waymark_partition_misplaced_records"),
      ledger.partitions.reduce((sum, line) => sum + line.misplaced, 0),
    );
    const rides = await lookUp(url, partitions);
    assert.equal((await answerOf(`${url}/v1/rides/ride-of-nobody`)).status, 404);
    await drain(service!);
    return { ledger, rides };
  } finally {
    service!.signal("SIGKILL");
  }
}

async function closedUpTo(url: string, endMs: number): Promise<boolean> {
  const cities = await ask(`${url}/v1/cities`);
  const watermark = (cities?.body as { watermarks?: { rides: string | null } } | undefined)?.watermarks
    ?.rides;
  return watermark != null && Date.parse(watermark) >= endMs;
}

/** The sum of a metric over its partitions. */
async function scraped(url: string, metric: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const samples = [...text.matchAll(new RegExp(`^${metric}\\{.*\\} (\\d+)$`, "gm"))];
  assert.ok(samples.length > 0, `${metric} is among the metrics`);
  return samples.reduce((sum, [, value]) => sum + Number(value), 0);
}

async function partitionsOf(topic: string): Promise<Map<string, number>> {
  const partitions = new Map<string, number>();
  for await (const { key, partition } of eachOn(log, topic)) {
    const ride = fromUtf8(key!);
    assert.equal(partitions.get(ride) ?? partition, partition, `${ride} is on one partition`);
    partitions.set(ride, partition);
  }
  return partitions;
}

/** Every ride that was sent, as the service shows it, must be in the state that its events lead to. */
async function lookUp(url: string, partitions: Map<string, number>): Promise<Map<string, RideView>> {
  const found = new Map<string, RideView>();
  const waiting = sent.rides.entries();
  const asker = async () => {
    for (const [id, expected] of waiting) {
      const { status, body } = await answerOf(`${url}/v1/rides/${id}`);
      assert.equal(status, 200, `${id}: ${JSON.stringify(body)}`);
      const view = body as RideView;
      assert.deepEqual(
        { state: view.state, events: view.events.map((e) => e.event_type), partition: view.owner.partition },
        { ...expected, partition: partitions.get(id) },
        id,
      );
      found.set(id, view);
    }
  };
  await Promise.all(Array.from({ length: askedAtOnce }, asker));
  assert.equal(found.size, sent.rides.size);
  return found;
}

/** Records that are not where the murmur2 of librdkafka, another implementation than ours, has put their ride. */
function awayFromMurmur2({ records }: Outcome): number {
  const { partitions } = outcomeOf("a");
  return records.filter(({ ride, partition }) => partitions.get(ride) !== partition).length;
}

function outcomeOf(name: string): Outcome {
  const outcome = outcomes.get(name);
  assert.ok(outcome !== undefined, `installation ${name} has no outcome`);
  return outcome;
}

const counts = ({ total: { read, counted, duplicates, too_late, dead_lettered, late } }: Outcome) => ({
  ...{ read, counted, duplicates, too_late, dead_lettered, late },
});

describe("ride events of clients that are not ours", () => {
  const installations: (Omit<Installation, "client"> & { what: string; client(): Client })[] = [
    { name: "a", what: "kcat with murmur2 and lz4", client: () => kcat, partitioner: "murmur2" },
    {
      name: "b",
      what: "confluent_kafka as it comes, on murmur2",
      client: () => confluent,
      partitioner: "murmur2",
    },
    { name: "c", what: "our own door", client: () => ownClient, partitioner: "murmur2" },
    {
      name: "d",
      what: "confluent_kafka as it comes, on crc32",
      client: () => confluent,
      partitioner: "crc32",
    },
  ];
  for (const { name, what, client, partitioner } of installations) {
    it(`${what}: windows and ledger equal the recount, every ride is found in the right state`, async () => {
      const outcome = await run({ name, client: client(), partitioner });
      assert.deepEqual(counts(outcome), { ...sent.ledger, dead_lettered: 0, late: 0 });
      outcomes.set(name, outcome);
    });
  }

  it("give the same windows, line by line", () => {
    const { lines } = outcomeOf("a");
    assert.ok(lines.length > 100, `${lines.length} windows`);
    for (const name of ["b", "c", "d"]) assert.deepEqual(outcomeOf(name).lines, lines, name);
  });

  it("are misplaced where they are read with the other partitioner, and nowhere else", () => {
    const misplaced = (name: string) => outcomeOf(name).total.misplaced;
    assert.deepEqual(["a", "c", "d"].map(misplaced), [0, 0, 0]);
    assert.ok(misplaced("b") > sent.ledger.read / 2, `${misplaced("b")} of ${sent.ledger.read}`);
    assert.equal(misplaced("b"), awayFromMurmur2(outcomeOf("b")));
    assert.equal(awayFromMurmur2(outcomeOf("c")), 0);
  });

  it("the example counts on an empty log whatever its time, now without a zone, and is too late months later", () => {
    for (const { left, rides, lines } of ["a", "b", "c", "d"].map(outcomeOf)) {
      const old = lines.map((line) => JSON.parse(line)).filter((w) => w.window_start < "2026-01-16");
      assert.deepEqual(
        old.map((w) => [w.city, w.window_start, w.total_events, w.avg_fare, w.unique_riders]),
        [59, 60, 61, 62, 63].map((minute) => [
          "bratislava",
          new Date(Date.UTC(2026, 0, 15, 17, minute)).toISOString(),
          ...[1, 8.5, 1],
        ]),
      );
      assert.equal(left.late.length, 1);
      assert.equal(left.late[0]!.reason, "too_late");
      assert.deepEqual(JSON.parse(fromUtf8(left.late[0]!.value)), JSON.parse(example));
      const view = rides.get(exampleRide)!;
      assert.deepEqual(
        [view.state, view.city, view.estimated_fare, view.refused?.code],
        ["requested", "bratislava", 8.5, "too_late"],
      );
      // People are masked for readers without a key of their own.
      assert.match(view.user_id!, /^masked-[0-9a-f]{16}$/);
    }
  });
});
