/** Row 30: a rider is erased. Gone from actors, snapshots and ClickHouse; the numbers stay; a replay still works. */
import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { DatabaseSync } from "node:sqlite";
import { type ErasureView, erasureView } from "../../schemas/erasure.ts";
import { type Config, readConfig } from "../../src/config.ts";
import type { App } from "../../src/http/app.ts";
import { createApp } from "../../src/http/app.ts";
import { erasedSet } from "../../src/erased.ts";
import { fromUtf8, utf8 } from "../../src/ids.ts";
import { openParts, type Parts } from "../../src/node/parts.ts";
import { namingOf } from "../../src/node/pipeline.ts";
import { type Service, startService } from "../../src/node/service.ts";
import { unpackEntries } from "../../src/runtime/segments.ts";
import { type Analytics, openEmbedded } from "../../src/sinks/analytics.ts";
import { startSink } from "../../src/sinks/clickhouse.ts";
import { eraseRows } from "../../src/sinks/erase_rows.ts";
import { createSignals } from "../../src/telemetry/signals.ts";
import { dayMs, isoTime, minuteMs, systemClock } from "../../src/time.ts";
import { eventually } from "../conformance/eventually.ts";
import { hostsOf } from "../pipeline/harness.ts";

const rider = "rider-who-wants-to-be-forgotten-7f3a";
const home = 48.123456;
const secrets = [rider, String(home), "lives on the third floor"];
const patienceMs = 60_000;

let dataDir = "";
before(async () => void (dataDir = await mkdtemp(join(tmpdir(), "waymark-erasure-"))));
after(() => rm(dataDir, { recursive: true }));

const configOf = (folder: string): Config =>
  readConfig({
    WAYMARK_DATA_DIR: folder,
    WAYMARK_FLUSH_MS: "20",
    WAYMARK_SNAPSHOT_MS: "200",
    WAYMARK_INSERT_MS: "100",
    WAYMARK_PARTITIONS: "ride-events=3,driver-locations=1,city-partials=1",
  });

type Running = { service: Service; parts: Parts; app: App; said: string[] };

async function start(folder: string): Promise<Running> {
  const config = configOf(folder);
  const parts = await openParts({ config, dataDir: folder, clock: systemClock });
  const said: string[] = [];
  const signals = createSignals(systemClock, "text", (line) => said.push(line));
  const service = await startService({ config, clock: systemClock, signals, parts, node: "node-1" });
  const app = createApp({
    handles: service.handles,
    config: { ingestKeys: [], readKeys: [] },
    clock: systemClock,
    audit: (read) => signals.unmaskedRead(read),
  });
  return { service, parts, app, said };
}

async function stop({ app, service }: Running): Promise<void> {
  await app.close();
  await service.drain();
}

const atMs = Math.floor(systemClock.nowMs() / minuteMs) * minuteMs - 2 * minuteMs;

/** Rides of ten riders, of which one is ours: requested with places, accepted without the rider, cancelled with prose. */
function events(): object[] {
  return Array.from({ length: 40 }, (_, n) => {
    const ours = n % 10 === 0;
    const ride = { ride_id: `ride-${n}`, city: "wien" };
    const time = (seconds: number) => isoTime(atMs + n * 1_000 + seconds * 1_000);
    const place = { lat: ours ? home : 48.2, lng: 16.4 };
    return [
      {
        ...{
          ...ride,
          event_type: "requested",
          timestamp: time(0),
          user_id: ours ? rider : `rider-${n % 10}`,
        },
        ...{ pickup: place, dropoff: place, estimated_fare: 8.5 },
      },
      { ...ride, event_type: "accepted", timestamp: time(10), driver_id: "d", dropoff: place },
      {
        ...{ ...ride, event_type: "cancelled", timestamp: time(20), cancelled_by: "rider" },
        ...(ours && { user_id: rider, reason: "lives on the third floor" }),
      },
    ];
  }).flat();
}

async function post(app: App, path: string, body: unknown): Promise<Response> {
  return await app.hono.request(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
}

/** Raw records that are no events, and one that is too late: they go to dead letters and late events as they are. */
async function appendOdd({ parts }: Running): Promise<void> {
  const records = [
    `{"event_type":"flown","ride_id":"ride-x","timestamp":"${isoTime(atMs)}","user_id":"${rider}"}`,
    `{"ride_id": "ride-y", "user_id" : "${rider}", broken`,
    JSON.stringify({
      ...{ event_type: "requested", ride_id: "ride-z", timestamp: isoTime(atMs - dayMs), user_id: rider },
      ...{ pickup: { lat: home, lng: 1 } },
    }),
  ];
  await parts.log.append(records.map((value) => (
    { topic: "ride-events", partition: 0, key: utf8("k"), value: utf8(value) }
  )));
}

const stateOf = ({ service }: Running): string =>
  JSON.stringify(
    service.pipeline.rides.flatMap((h) => [...h.actors.values()].flatMap((a) => [...a.fold.entries()])),
  );

/** Every segment that is in the file, named by a manifest or not. */
function segmentsIn(folder: string): string {
  const db = new DatabaseSync(join(folder, "snapshots.db"));
  try {
    const rows = db.prepare("SELECT bytes FROM segment").all() as { bytes: Uint8Array }[];
    return JSON.stringify(rows.map(({ bytes }) => unpackEntries(bytes)));
  } finally {
    db.close();
  }
}

const tables = ["ride_events", "ride_facts", "late_events", "dead_letters"];

/** Rows of all versions that name the rider, in any column. */
async function rowsNaming(analytics: Analytics): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const table of tables) {
    const named = secrets.map((text) => `position(toString(tuple(*)), '${text}') > 0`).join(" OR ");
    const [row] = await analytics.query<{ n: string }>(`SELECT count() AS n FROM ${table} WHERE ${named}`);
    counts[table] = Number(row!.n);
  }
  return counts;
}

const nothing = Object.fromEntries(tables.map((table) => [table, 0]));

async function filesNaming(folder: string): Promise<string[]> {
  const found: string[] = [];
  // Folders go while they are read: then it is read again.
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => null);
  if (entries === null) return await filesNaming(folder);
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name);
    if (!entry.isFile()) continue;
    const bytes = await readFile(path).catch(() => null);
    // Files are compressed: the middle of a long id stands in them as it is, its beginning may not.
    if (bytes !== null && bytes.includes("wants-to-be-forgotten")) found.push(path);
  }
  return found;
}

async function settled({ service, parts }: Running): Promise<void> {
  await eventually("everything is folded and stored", async () => {
    for (const host of hostsOf(service.pipeline)) {
      for (const actor of host.actors.values()) {
        const { end } = (await parts.log.bounds(actor.tp.topic))[actor.tp.partition]!;
        if (actor.nextOffset !== end || actor.snapshotOffset !== end) return false;
      }
    }
    return service.handles.sink().lag_records === 0 && service.handles.sink().rows > 0;
  }, patienceMs);
}

const windowsOf = ({ service }: Running) =>
  service.handles.board.windows("wien", { fromMs: 0, untilMs: Infinity, limit: 100 })
    .map(({ kind: _, watermark: __, ...window }) => window);

const riders = async (analytics: Analytics): Promise<number> => {
  const [row] = await analytics.query<{ n: string }>(
    "SELECT uniqExactIf(user_id, user_id != '') AS n FROM ride_events FINAL",
  );
  return Number(row!.n);
};

async function eraseAndWait({ app }: Running): Promise<ErasureView> {
  const asked = await post(app, "/v1/erasures", { user_id: rider });
  assert.equal(asked.status, 202);
  const { erasure_id } = erasureView.parse(await asked.json());
  let view: ErasureView | null = null;
  await eventually("the erasure is complete", async () => {
    view = erasureView.parse(await (await app.hono.request(`/v1/erasures/${erasure_id}`)).json());
    return view.complete;
  }, patienceMs);
  return view!;
}

describe("the erasure of a rider", () => {
  it("leaves nothing in actors, snapshots and ClickHouse, changes no number, and outlasts restart and replay", async () => {
    let running = await start(dataDir);
    assert.equal((await post(running.app, "/v1/events", events())).status, 202);
    await appendOdd(running);
    await settled(running);
    const clickHouse = join(dataDir, "clickhouse");
    // The files of rewritten parts are kept for eight minutes; a test does not wait for that.
    const analytics = openEmbedded({ path: clickHouse });
    for (const table of tables) {
      await analytics.command(
        `ALTER TABLE ${table} MODIFY SETTING old_parts_lifetime = 1, cleanup_delay_period = 1`,
      );
    }
    // Of the open windows the one that ends next is told with every flush, and the board reads it from the log.
    const nextEnds = isoTime(atMs + minuteMs);
    await eventually(
      "the board has all ten",
      () => windowsOf(running).find(({ window_end }) => window_end === nextEnds)?.unique_riders === 10,
      patienceMs,
    );
    // That it can fail: everything is there before.
    const before = { windows: windowsOf(running), riders: await riders(analytics) };
    assert.ok(before.windows.length > 0 && before.riders === 10);
    assert.ok(secrets.slice(0, 1).every((text) => stateOf(running).includes(text)));
    assert.ok(Object.values(await rowsNaming(analytics)).every((n) => n > 0), "every table names the rider");
    assert.ok((await filesNaming(clickHouse)).length > 0);

    const view = await eraseAndWait(running);
    assert.match(view.erasure_id, /^erased-[0-9a-f]{32}$/);
    assert.deepEqual(view.applied.map(({ store }) => store.replace(/[0-9a-f]{12}$/, "<id>")).sort(), [
      "clickhouse/<id>",
      ...[0, 1, 2].map((p) => `waymark-rides-g1/ride-events/${p}`),
    ]);
    assert.ok(Date.parse(view.log_keeps_until) - Date.parse(view.requested_at) === 7 * dayMs);

    for (const text of secrets) assert.ok(!stateOf(running).includes(text), `actors have ${text}`);
    assert.deepEqual(await rowsNaming(analytics), nothing);
    assert.equal(await riders(analytics), before.riders);
    const places = await analytics.query(
      "SELECT ride_id FROM ride_events WHERE ride_id = 'ride-0' AND (pickup_lat IS NOT NULL OR dropoff_lat IS NOT NULL)",
    );
    assert.deepEqual(places, [], "events of the ride that do not name the rider have no place either");
    const others = await analytics.query("SELECT 1 FROM ride_events WHERE pickup_lat IS NOT NULL");
    assert.ok(others.length > 0, "other riders keep theirs");
    await eventually(
      "ClickHouse has removed the files of before",
      async () => (await filesNaming(clickHouse)).length === 0,
      patienceMs,
    );

    // What still comes of the rider stays unknown, while the rider keeps the pseudonym.
    const ride = { ride_id: "ride-after", city: "wien", user_id: rider };
    const now = isoTime(systemClock.nowMs());
    await post(running.app, "/v1/events", { ...ride, event_type: "requested", timestamp: now });
    await settled(running);
    assert.ok(!stateOf(running).includes(rider));
    assert.deepEqual(await rowsNaming(analytics), nothing);
    const [again] = await analytics.query<{ user_id: string }>(
      "SELECT user_id FROM ride_events WHERE ride_id = 'ride-after'",
    );
    assert.equal(again!.user_id, view.erasure_id);
    assert.equal((await eraseTwice(running)).erasure_id, view.erasure_id);
    const ended = before.windows.filter(({ window_end }) => window_end === nextEnds);
    assert.equal(ended.length, 1);
    const since = windowsOf(running);
    for (const window of ended) {
      assert.deepEqual(
        since.find((w) => w.window_start === window.window_start)?.unique_riders,
        window.unique_riders,
      );
    }

    const shown = await Promise.all([0, 1, 2].map(async (partition) =>
      JSON.stringify([
        await running.service.handles.records.newest("dead-letters", 100),
        await running.service.handles.records.one("ride-events", partition, 0),
      ])
    ));
    assert.ok(!shown.join("").includes(rider), "records as the pages show them");
    // The log keeps its bytes; nothing that is made from it again has the rider.
    const topics = await running.parts.log.read({ topic: "erasures", partition: 0 }, 0, 1_000);
    for (const { key, value } of topics) assert.ok(!fromUtf8(key!).concat(fromUtf8(value)).includes(rider));
    for (const table of tables) await analytics.command(`TRUNCATE TABLE ${table}`);
    const copied = await startSink({
      log: running.parts.log,
      analytics,
      clock: systemClock,
      group: "copied-again",
      naming: namingOf(configOf(dataDir)),
      // Another epoch, so that these blocks are none that ClickHouse has seen.
      logEpoch: 1,
      insertMs: 20,
      erased: erasedAgain(topics),
      poisoned: (row) => assert.fail(row.message),
    });
    await eventually("the log is copied again", () => {
      const { partitions } = copied.status();
      return partitions.length > 0 && partitions.every((p) => p.lag === 0) &&
        partitions.some((p) => p.rowsInserted > 0);
    }, patienceMs);
    await copied.stop();
    assert.ok(await riders(analytics) === before.riders);
    const [ids] = await analytics.query<{ n: string }>(
      `SELECT count() AS n FROM ride_events WHERE position(toString(tuple(*)), '${rider}') > 0`,
    );
    assert.equal(Number(ids!.n), 0);
    // Places in events of the ride that do not name the rider go with the next look, at a start and every hour.
    await eraseRows({ analytics, clock: systemClock, riders: erasedAgain(topics).riders });
    assert.deepEqual(await rowsNaming(analytics), nothing);
    assert.ok(!running.said.join("\n").includes(rider), "the process's own messages");
    await analytics.close();
    await stop(running);

    assert.ok(!segmentsIn(dataDir).includes(rider), "snapshots");
    running = await start(dataDir);
    await eventually("the process is ready", () => running.service.handles.health().ready, patienceMs);
    for (const text of secrets) assert.ok(!stateOf(running).includes(text), `restored actors have ${text}`);
    assert.ok(stateOf(running).includes(view.erasure_id));
    await stop(running);

    // From the first record on, as after the loss of all snapshots.
    for (const file of ["snapshots.db", "snapshots.db-wal"]) await rm(join(dataDir, file), { force: true });
    running = await start(dataDir);
    await settled(running);
    for (const text of secrets) assert.ok(!stateOf(running).includes(text), `replayed actors have ${text}`);
    const replayed = windowsOf(running);
    for (const window of ended) {
      const again = replayed.find((w) => w.window_start === window.window_start)!;
      assert.deepEqual(
        [again.unique_riders, again.rides_cancelled_by_rider],
        [window.unique_riders, window.rides_cancelled_by_rider],
      );
    }
    await stop(running);
    assert.ok(!segmentsIn(dataDir).includes(rider), "snapshots after the replay");
  });
});

const eraseTwice = async ({ app }: Running): Promise<ErasureView> =>
  erasureView.parse(await (await post(app, "/v1/erasures", { user_id: rider })).json());

function erasedAgain(records: readonly { value: Uint8Array }[]) {
  const set = erasedSet();
  for (const { value } of records) {
    const read = JSON.parse(fromUtf8(value));
    if (read.kind === "erase") set.add({ rider: read.rider, pseudonym: read.id });
  }
  return set;
}
