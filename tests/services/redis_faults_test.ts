/**
 * Row 11 by the real process: Redis dies, is wiped, silent, slow, full or set back under steady traffic. Folding goes
 * on, snapshots wait and say so, and what a killed process makes of it afterwards is what a recount finds. Starts its
 * own services.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { type Services, startServices, stopServices } from "../../src/commands/services.ts";
import { systemClock } from "../../src/time.ts";
import { readLeft, windowsAreExact } from "../chaos/verdicts.ts";
import { answerOf, ask, until } from "../chaos/workers.ts";
import { type Installation, installation } from "./installation.ts";
import { type RedisProcess, redisProcess } from "./redis_process.ts";
import { startTcpProxy, type TcpProxy } from "./tcp_proxy.ts";

let folder: string;
let services: Services;
let redis: RedisProcess;
let proxy: TcpProxy;
let at: Installation;
let traffic: { end(): Promise<void> };

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "waymark-redis-faults-"));
  services = await startServices({ folder: join(folder, "services") });
});
after(async () => {
  await stopServices(join(folder, "services"));
  await rm(folder, { recursive: true, force: true });
});

let redisFolders = 0;
beforeEach(async () => {
  redis = await redisProcess({ folder: join(folder, `redis-${++redisFolders}`) });
  await redis.start();
  proxy = await startTcpProxy({ to: redis.port });
  const REDIS_URL = `redis://127.0.0.1:${proxy.port}`;
  at = await installation({
    folder,
    variables: { ...services.variables, REDIS_URL, WAYMARK_IDLE_MS: "1000" },
  });
  await at.begin();
  traffic = steady();
  await at.whileRunning("there are snapshots", isSnapshotted(await positions()));
});
afterEach(async () => {
  await traffic.end();
  await at.close();
  await proxy.close();
  await redis.kill();
});

/** A few rides a second to both partitions. */
function steady(): { end(): Promise<void> } {
  const over = new AbortController();
  const sending = (async () => {
    while (!over.signal.aborted) {
      for (const partition of [0, 1]) await at.send(partition, 2);
      await systemClock.sleep(100, over.signal);
    }
  })();
  return {
    async end() {
      over.abort();
      await sending;
    },
  };
}

const rides = async () =>
  (await at.rows()).filter((row) => row.stage === "rides").sort((a, b) => a.partition - b.partition);

/** What both partitions say now: whoever compares with it later needs an answer. */
async function sampled<T>(read: (row: Awaited<ReturnType<typeof rides>>[number]) => T): Promise<T[]> {
  let rows: Awaited<ReturnType<typeof rides>> = [];
  await at.whileRunning("both are shown", async () => (rows = await rides()).length === 2);
  return rows.map(read);
}

const positions = () => sampled((row) => row.position);

/** Both partitions are folded on, from where they are now. */
async function foldsOn(): Promise<void> {
  const from = await positions();
  await at.whileRunning("folding goes on", async () => {
    const now = await rides();
    return now.length === 2 && now.every((row, p) => row.state === "running" && row.position > from[p]! + 8);
  });
}

/** Both have a snapshot beyond these positions. */
const isSnapshotted = (beyond: number[]) => async () => {
  const now = await rides();
  return now.length === 2 && now.every((row, p) => row.snapshot_offset > beyond[p]!);
};

/** Snapshots fail, are counted, and their age says so; folding goes on. */
async function snapshotsWait(): Promise<void> {
  const failures = await at.counted("waymark_snapshot_failures_total");
  await at.whileRunning(
    "snapshots fail",
    async () => await at.counted("waymark_snapshot_failures_total") > failures,
  );
  const from = await sampled((row) => row.snapshot_age_seconds!);
  await at.whileRunning(
    "their age grows",
    async () => {
      const now = await rides();
      return now.length === 2 && now.every((row, p) => row.snapshot_age_seconds! > from[p]! + 1);
    },
  );
  await foldsOn();
}

async function snapshotsGoOn(): Promise<void> {
  await at.whileRunning("there are snapshots again", isSnapshotted(await positions()));
}

/** The process is killed and begun again: in the end its windows are those of a recount. */
async function isExactAfterKill(): Promise<void> {
  at.signal("SIGKILL");
  await until("it is gone", async () => await ask(`${at.url}/livez`) === null, 10_000);
  await at.begin();
  await foldsOn();
  await isExact();
}

async function isExact(): Promise<void> {
  await traffic.end();
  const naming = { prefix: at.variables.WAYMARK_TOPIC_PREFIX!, generation: 1 };
  const left = await readLeft(at.log, naming);
  let why: unknown;
  await at.whileRunning("windows equal the recount", async () => {
    why = await windowsAreExact(at.log, naming, left, "open").then(() => null, (error) => error);
    return why === null;
  }).catch((error) => {
    throw why ?? error;
  });
}

describe("row 11: under steady traffic Redis", () => {
  it("is killed, and comes back empty", async () => {
    await redis.kill();
    await snapshotsWait();
    await redis.start();
    await snapshotsGoOn();
    await isExactAfterKill();
  });

  it("is wiped, and the process is killed before it has written anything there again", async () => {
    proxy.set("reset");
    await redis.ask("FLUSHALL");
    await foldsOn();
    at.signal("SIGKILL");
    await until("it is gone", async () => await ask(`${at.url}/livez`) === null, 10_000);
    proxy.set("pass");
    await at.begin();
    await snapshotsGoOn();
    await isExact();
  });

  it("is wiped, and snapshots are whole again by themselves", async () => {
    await redis.ask("FLUSHALL");
    await snapshotsGoOn();
    await isExactAfterKill();
  });

  it("is slow: folding does not wait for it", async () => {
    for (let n = 0; n < 3; n++) {
      await redis.ask("CLIENT", "PAUSE", "1500", "WRITE");
      await foldsOn();
    }
    await snapshotsGoOn();
    await isExactAfterKill();
  });

  it("says nothing any more: calls end, and are not kept for later", async () => {
    proxy.set("hold");
    await snapshotsWait();
    proxy.set("pass");
    await snapshotsGoOn();
    await isExactAfterKill();
  });

  it("is full", async () => {
    await redis.ask("CONFIG", "SET", "maxmemory", "1");
    await snapshotsWait();
    await redis.ask("CONFIG", "SET", "maxmemory", "0");
    await snapshotsGoOn();
    await isExactAfterKill();
  });

  it("is set back to an old dump while the process runs", async () => {
    await redis.ask("SAVE");
    await snapshotsGoOn();
    await redis.kill();
    await redis.start();
    await snapshotsGoOn();
    await isExactAfterKill();
  });

  it("is set back to an old dump while the process is down: it replays from there", async () => {
    await redis.ask("SAVE");
    await snapshotsGoOn();
    await snapshotsGoOn();
    at.signal("SIGKILL");
    await until("it is gone", async () => await ask(`${at.url}/livez`) === null, 10_000);
    await redis.kill();
    await redis.start();
    await at.begin();
    await snapshotsGoOn();
    await isExact();
  });
});

/** All partitions wait for Redis, counted, and the process says what it waits for. */
async function waitsForRedis(): Promise<void> {
  const retries = () => at.counted("waymark_acquire_retries_total").catch(() => 0);
  const before = await retries();
  await at.whileRunning(
    "it waits for Redis",
    async () => (await rides()).length === 2 && (await rides()).every((row) => row.state === "restoring"),
  );
  await at.whileRunning("tries are counted", async () => await retries() > before);
  const { status } = await answerOf(`${at.url}/readyz`);
  assert.equal(status, 503);
  await at.whileRunning(
    "the cause names Redis",
    async () =>
      (await at.causes()).some((cause) =>
        /cannot read the manifests in Redis at 127\.0\.0\.1:\d+: /.test(cause)
      ),
  );
}

describe("row 11: without Redis a process", () => {
  it("that starts waits, says why, and goes on when it is back", async () => {
    at.signal("SIGKILL");
    await until("it is gone", async () => await ask(`${at.url}/livez`) === null, 10_000);
    proxy.set("reset");
    await at.start();
    await waitsForRedis();
    proxy.set("pass");
    await foldsOn();
    await isExact();
  });

  it("that has lost its partitions to its session waits for them, and goes on when it is back", async () => {
    proxy.set("reset");
    at.signal("SIGSTOP");
    const groupId = `${at.variables.WAYMARK_GROUP}-rides-g1`;
    await until("its session is over", async () => {
      const { groups: [group] } = await at.admin.describeGroups([groupId]);
      return group!.members.length === 0;
    }, 30_000);
    at.signal("SIGCONT");
    await waitsForRedis();
    proxy.set("pass");
    await foldsOn();
    await isExactAfterKill();
  });

  it("that waits is drained like any other", async () => {
    at.signal("SIGKILL");
    await until("it is gone", async () => await ask(`${at.url}/livez`) === null, 10_000);
    proxy.set("hold");
    await at.start();
    await until("it answers", async () => (await ask(`${at.url}/livez`))?.status === 200, 180_000);
    await at.drain();
  });
});
