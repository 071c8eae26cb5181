/** An erasure over Kafka, Redis and a ClickHouse server, by two processes of one installation. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { createClient as createRedis } from "redis";
import { type Client, createClient } from "../../src/client.ts";
import { unpackEntries } from "../../src/runtime/segments.ts";
import { openRedisSnapshots } from "../../src/snapshots/redis.ts";
import { type Analytics, openServer } from "../../src/sinks/analytics.ts";
import { isoTime, systemClock } from "../../src/time.ts";
import { ask, makeWorkers, until, type Worker } from "../chaos/workers.ts";
import { drain } from "./stranger_clients.ts";
import { type Borrowed, borrowServices } from "./services_under_test.ts";

const run = `e${systemClock.nowMs().toString(36)}`;
const rider = `rider-${run}`;
const admin = "admin-key-0000000001";
const patienceMs = 90_000;

let home = "";
let borrowed: Borrowed;
let workers: Worker[];
let analytics: Analytics;

before(async () => {
  home = await mkdtemp(join(tmpdir(), "waymark-erasure-"));
  borrowed = await borrowServices();
  const { variables } = borrowed.services;
  workers = await makeWorkers(2, {
    folder: home,
    variables: {
      ...variables,
      WAYMARK_TOPIC_PREFIX: `${run}-`,
      WAYMARK_GROUP: run,
      WAYMARK_REDIS_PREFIX: `${run}:`,
      WAYMARK_PARTITIONS: "ride-events=4,driver-locations=1,city-partials=1",
      WAYMARK_SNAPSHOT_MS: "500",
      WAYMARK_INSERT_MS: "200",
      WAYMARK_ADMIN_KEYS: admin,
    },
  });
  for (const worker of workers) worker.start();
  for (const { name, url } of workers) {
    await until(`${name} is ready`, async () => (await ask(`${url}/readyz`))?.status === 200, patienceMs);
  }
  analytics = openServer({ url: variables.CLICKHOUSE_URL! });
});

after(async () => {
  try {
    for (const worker of workers) if (worker.running()) await drain(worker);
  } finally {
    for (const worker of workers) if (worker.running()) worker.signal("SIGKILL");
    await analytics.close();
    await borrowed.giveBack();
    await rm(home, { recursive: true, force: true });
  }
});

const clientOf = ({ url }: Worker): Client => createClient({ url, key: admin });

/** Every segment that Redis has under our prefix, named by a manifest or not. */
async function redisText(): Promise<string> {
  const url = borrowed.services.variables.REDIS_URL;
  const redis = createRedis({ url });
  const store = openRedisSnapshots({ url, prefix: `${run}:` });
  await redis.connect();
  try {
    const keys = await redis.keys(`${run}:*:segment:*`);
    const segments = await Promise.all(keys.map(async (name) => {
      const [, key, hash] = /\{(.+)\}:segment:(\w+)$/.exec(name)!;
      const bytes = await store.segment(key!, hash!);
      return bytes === null ? "" : JSON.stringify(unpackEntries(bytes));
    }));
    return segments.join("\n");
  } finally {
    redis.destroy();
    await store.close();
  }
}

const tables = ["ride_events", "ride_facts", "late_events", "dead_letters"];
const rowsNaming = async (text: string): Promise<number> => {
  const counts = await Promise.all(tables.map(async (table) => {
    const [row] = await analytics.query<{ n: string }>(
      `SELECT count() AS n FROM ${table} WHERE position(toString(tuple(*)), '${text}') > 0`,
    );
    return Number(row!.n);
  }));
  return counts.reduce((sum, n) => sum + n, 0);
};

describe("an erasure over Kafka, Redis and a ClickHouse server", () => {
  it("leaves nothing of the rider in snapshots and rows, whoever is asked", async () => {
    const [a, b] = workers.map(clientOf) as [Client, Client];
    const timestamp = isoTime(systemClock.nowMs());
    const place = { lat: 48.15, lng: 17.11 };
    const event = { event_type: "requested", city: run, timestamp, user_id: rider, pickup: place } as const;
    await a.postEvents(Array.from({ length: 40 }, (_, n) => ({ ...event, ride_id: `${run}-${n}` })));
    await until(
      "rows and snapshots name the rider",
      async () => await rowsNaming(rider) === 40 && (await redisText()).includes(rider),
      patienceMs,
    );

    const { erasure_id } = await b.erase(rider);
    const isComplete = async (client: Client) =>
      // The other process may not have read of it yet.
      (await client.erasure(erasure_id).catch(() => null))?.complete === true;
    await until(
      "the erasure is complete at both",
      async () => await isComplete(a) && await isComplete(b),
      patienceMs,
    );
    assert.equal(await rowsNaming(rider), 0);
    assert.equal(await rowsNaming(erasure_id), 40);
    const said = await redisText();
    assert.ok(!said.includes(rider) && said.includes(erasure_id));
    assert.equal((await a.ride(`${run}-7`)).user_id, erasure_id);
    const applied = new Set((await a.erasure(erasure_id)).applied.map(({ store }) => store));
    assert.deepEqual([...applied].sort(), [
      "clickhouse",
      ...[0, 1, 2, 3].map((partition) => `${run}-rides-g1/${run}-ride-events/${partition}`),
    ]);
  });

  it("lasts over a killed process and what comes afterwards", async () => {
    const [killed, other] = workers as [Worker, Worker];
    killed.signal("SIGKILL");
    await until("it is gone", async () => !killed.running(), patienceMs);
    killed.start();
    await until(
      "it is ready again",
      async () => (await ask(`${killed.url}/readyz`))?.status === 200,
      patienceMs,
    );
    const timestamp = isoTime(systemClock.nowMs());
    const later = {
      event_type: "requested",
      ride_id: `${run}-later`,
      city: run,
      timestamp,
      user_id: rider,
    } as const;
    await clientOf(killed).postEvents(later);
    await until("the row is there", async () => {
      const rows = await analytics.query(`SELECT 1 FROM ride_events WHERE ride_id = '${run}-later'`);
      return rows.length > 0;
    }, patienceMs);
    assert.equal(await rowsNaming(rider), 0);
    await until(
      "it is folded",
      async () =>
        (await clientOf(other).ride(`${run}-later`).catch(() => null))?.user_id?.startsWith("erased-") ===
          true,
      patienceMs,
    );
  });
});
