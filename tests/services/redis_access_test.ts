/**
 * Redis over TLS, behind a password and an access rule, shared by two installations, broken on the way, and with
 * damaged snapshots in it. Starts its own.
 */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import { readConfig } from "../../src/config.ts";
import { contentHash, fingerprint, utf8 } from "../../src/ids.ts";
import { memoryLog } from "../../src/log/memory.ts";
import type { Log } from "../../src/log/port.ts";
import { openConfiguredRedis } from "../../src/node/redis_store.ts";
import { acquire } from "../../src/runtime/acquire.ts";
import { encodeManifest, snapshotFormat } from "../../src/runtime/manifest.ts";
import { packEntries } from "../../src/runtime/segments.ts";
import type { SnapshotStore } from "../../src/snapshots/port.ts";
import { openRedisSnapshots, type RedisSnapshotsOptions } from "../../src/snapshots/redis.ts";
import { registry } from "../../src/telemetry/metrics.ts";
import { minuteMs, systemClock } from "../../src/time.ts";
import { eventually } from "../conformance/eventually.ts";
import { type Certificate, makeCertificate, type RedisProcess, redisProcess } from "./redis_process.ts";
import { startTcpProxy, type TcpProxy } from "./tcp_proxy.ts";

const key = "waymark-rides-g1/ride-events/0";
let folder: string;
let certificate: Certificate;
let strangers: Certificate;
let redis: RedisProcess;
const opened: SnapshotStore[] = [];

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "waymark-redis-"));
  certificate = await makeCertificate(join(folder, "ours"));
  strangers = await makeCertificate(join(folder, "strangers"));
  redis = await redisProcess({ folder: join(folder, "redis"), certificate });
  await redis.start();
});
after(async () => {
  await redis.kill();
  await rm(folder, { recursive: true, force: true });
});
afterEach(async () => {
  for (const store of opened.splice(0)) await store.close();
});

function open(options: Partial<RedisSnapshotsOptions> = {}): SnapshotStore {
  const store = openRedisSnapshots({ url: `redis://127.0.0.1:${redis.port}`, timeoutMs: 2_000, ...options });
  opened.push(store);
  return store;
}

/** Every call there is, with what the next ones need. */
async function useWholly(store: SnapshotStore, at = key): Promise<void> {
  const hash = await contentHash(utf8("part"));
  await store.putSegment(at, hash, utf8("part"));
  for (const offset of [1, 2, 3, 4, 5]) {
    await store.putManifest(at, { offset, bytes: utf8(`manifest ${offset}`), segments: [hash] });
  }
  assert.deepEqual(new Uint8Array((await store.segment(at, hash))!), utf8("part"));
  await store.discard(at, 5);
  assert.deepEqual((await store.manifests(at)).map((m) => m.offset), [4, 3]);
  await store.discard(at, 4);
  await store.discard(at, 3);
}

/** What a call fails with. */
async function refusal(store: SnapshotStore, at = key): Promise<string> {
  try {
    await store.manifests(at);
  } catch (error) {
    assert.equal((error as { code?: string }).code, "snapshot_store_unavailable");
    return (error as Error).message;
  }
  return "none: it went through";
}

describe("Redis over TLS", () => {
  const pem = async (of: Certificate) => ({ authorities: await readFile(of.authority, "utf8") });
  const tls = () => ({ url: `rediss://127.0.0.1:${redis.tlsPort}` });

  const configured = (REDIS_TLS_CA: string) =>
    openConfiguredRedis(readConfig({ REDIS_URL: tls().url, REDIS_TLS_CA }));

  it("is spoken to where the settings name the authority", async () => {
    const store = await configured(certificate.authority);
    opened.push(store);
    await useWholly(store, `${key}-tls`);
  });

  it("is not begun where the file of authorities is not there", async () => {
    await assert.rejects(configured(join(folder, "nowhere.pem")), (error: Error & { code: string }) => {
      assert.match(error.message, /REDIS_TLS_CA is ".*nowhere\.pem", which cannot be read/);
      return error.code === "config_invalid";
    });
  });

  it("is refused with another authority, and with the system's, naming the setting", async () => {
    const told = /cannot read the manifests in Redis at 127\.0\.0\.1:\d+: .*REDIS_TLS_CA/;
    assert.match(await refusal(open({ ...tls(), ...await pem(strangers) })), told);
    assert.match(await refusal(open(tls())), told);
  });

  it("never falls back to plain text", async () => {
    const url = `rediss://127.0.0.1:${redis.port}`;
    assert.match(await refusal(open({ url, ...await pem(certificate) })), /cannot read the manifests/);
    assert.match(await refusal(open({ url: `redis://127.0.0.1:${redis.tlsPort}` })), /cannot read/);
  });
});

/** What a user needs, and no more: docs/OPERATIONS.md prints it. */
const rule =
  "~one:* resetchannels -@all +eval +get +set +del +exists +incr +hset +hdel +hgetall +hkeys +hvals " +
  "+sadd +srem +smembers";

describe("a Redis user", () => {
  const as = (user: string, password: string, prefix = "one:") =>
    open({ url: `redis://${user}:${password}@127.0.0.1:${redis.port}`, prefix });
  before(() => redis.ask("ACL", "SETUSER", "waymark", "reset", "on", ">open-sesame", ...rule.split(" ")));

  it("can do everything with the rule of the handbook", async () => {
    await useWholly(as("waymark", "open-sesame"));
  });

  it("can do nothing under another prefix", async () => {
    const told = await refusal(as("waymark", "open-sesame", "two:"));
    assert.match(told, /NOPERM.*the user in REDIS_URL/);
    assert.ok(!told.includes("open-sesame"));
  });

  for (const command of rule.split(" ").filter((word) => word.startsWith("+"))) {
    it(`needs ${command}`, async () => {
      const without = rule.split(" ").filter((word) => word !== command);
      await redis.ask("ACL", "SETUSER", "less", "reset", "on", ">open-sesame", ...without);
      await assert.rejects(
        useWholly(as("less", "open-sesame"), `${key}${command}`),
        /NOPERM|no permission|can't/i,
      );
    });
  }

  it("with a wrong password is told so, without the password", async () => {
    const told = await refusal(as("waymark", "shut-sesame"));
    assert.match(told, /WRONGPASS.*the user in REDIS_URL/);
    assert.ok(!told.includes("sesame"), told);
  });

  it("is not named where the address cannot be read", () => {
    for (const url of ["redis://waymark:open%sesame@127.0.0.1:1", "redis://waymark:sesame@host:port"]) {
      assert.throws(() => openRedisSnapshots({ url }), (error: { code: string; message: string }) => {
        assert.ok(!error.message.includes("sesame"));
        return error.code === "config_invalid" && error.message.includes("REDIS_URL");
      });
    }
  });
});

it("two installations with two prefixes on one Redis see nothing of each other", async () => {
  const [one, two] = [open({ prefix: "one:" }), open({ prefix: "two:" })];
  const hash = await contentHash(utf8("part"));
  await one.putSegment(key, hash, utf8("part"));
  await one.putManifest(key, { offset: 7, bytes: utf8("one's"), segments: [hash] });
  assert.deepEqual(await two.manifests(key), []);
  assert.equal(await two.segment(key, hash), null);
  // A manifest at a lower offset is not an older one, and what it collects is its own.
  for (const offset of [1, 2, 3, 4, 5]) {
    await two.putManifest(key, { offset, bytes: utf8("two's"), segments: [] });
  }
  assert.deepEqual((await one.manifests(key)).map((m) => m.offset), [7]);
  assert.notEqual(await one.segment(key, hash), null);
  await one.discard(key, 7);
  assert.equal((await two.manifests(key)).length, 3);
});

describe("a broken way to Redis", () => {
  const timeoutMs = 300;
  let proxy: TcpProxy;
  let store: SnapshotStore;
  const answers = async () => await refusal(store) === "none: it went through";
  before(async () => {
    await redis.ask("FLUSHALL");
    proxy = await startTcpProxy({ to: redis.port });
  });
  after(() => proxy.close());
  const begin = async (patientMs = timeoutMs) => {
    proxy.set("pass");
    store = open({ url: `redis://127.0.0.1:${proxy.port}`, timeoutMs: patientMs });
    await eventually("it answers", answers);
  };

  it("ends a call that was written and is not answered, and takes a new connection", async () => {
    await begin();
    proxy.set("hold");
    assert.match(await refusal(store), /no answer within 300 ms/);
    proxy.set("pass");
    await eventually("it answers again", answers);
  });

  it("keeps nobody waiting behind calls that go on being written", async () => {
    await begin();
    proxy.set("drop_to_server");
    const startedMs = systemClock.monotonicMs();
    const waiting = new Set<Promise<unknown>>();
    const ended: string[] = [];
    await eventually("five time-outs went by", async () => {
      const call = refusal(store).then((told) => ended.push(told)).finally(() => waiting.delete(call));
      waiting.add(call);
      await systemClock.sleep(5);
      return systemClock.monotonicMs() - startedMs > 5 * timeoutMs;
    });
    assert.ok(ended.length > 0, "calls ended while others were being written");
    await eventually("all have ended", () => waiting.size === 0);
    assert.ok(ended.every((told) => told.startsWith("cannot read the manifests")), ended.join("\n"));
    proxy.set("pass");
    await eventually("it answers again", answers);
  });

  it("where somebody listens and never says a word ends calls, and connections with them", async () => {
    const sockets = new Set<Socket>();
    let most = 0;
    let seen = 0;
    const silent = createServer((socket) => {
      sockets.add(socket);
      most = Math.max(most, sockets.size);
      seen++;
      socket.on("error", () => {}).on("close", () => sockets.delete(socket)).resume();
    });
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", () => resolve()));
    const { port } = silent.address() as { port: number };
    const mute = open({ url: `redis://127.0.0.1:${port}`, timeoutMs: 50 });
    await eventually("ten connections were tried", async () => {
      // Each call and each connection has these 50 ms; whose are over first is the machine's choice.
      assert.match(await refusal(mute), /no answer within 50 ms|Connection timeout/);
      return seen >= 10;
    });
    assert.ok(most <= 2, `${most} at a time`);
    await mute.close();
    await eventually("none is left", () => sockets.size === 0);
    await new Promise((resolve) => silent.close(resolve));
  });

  it("fails at once where nobody listens, naming it, and does later nothing of what failed", async () => {
    await begin();
    proxy.set("reset");
    await eventually("it is noticed", async () => await refusal(store) !== "none: it went through");
    for (const offset of [1, 2, 3]) {
      await assert.rejects(
        store.putManifest(key, { offset, bytes: utf8("late"), segments: [] }),
        /put a manifest/,
      );
    }
    proxy.set("pass");
    await eventually("it answers again", answers);
    assert.deepEqual(await store.manifests(key), []);
    const nowhere = open({ url: "redis://127.0.0.1:1", timeoutMs: minuteMs });
    assert.match(await refusal(nowhere), /Redis at 127\.0\.0\.1:1: .*refused/i);
  });

  it("an idle connection is left alone", async () => {
    const longMs = 2_000;
    await begin(longMs);
    const [held] = proxy.connections();
    const startedMs = systemClock.monotonicMs();
    await eventually("three time-outs went by", () => systemClock.monotonicMs() - startedMs > 3 * longMs);
    assert.equal(await answers(), true);
    assert.deepEqual(proxy.connections(), [held]);
  });
});

describe("a damaged snapshot in Redis", () => {
  const tp = { topic: "ride-events", partition: 0 };
  const identity = { foldVersion: "v", generation: 1, logEpoch: 0 };
  const prefix = "damaged:";
  let log: Log;
  let store: SnapshotStore;
  const at = (part: string) => `${prefix}{${key}}:${part}`;

  async function put(offset: number, format = snapshotFormat): Promise<string> {
    const [segment] = [
      ...packEntries([{ kind: "ride", id: `ride-${offset}`, data: "x".repeat(500) }] as never[]).filter((
        bytes,
      ) => bytes !== null),
    ];
    const hash = await contentHash(segment!);
    const last = { offset: offset - 1, timestamp_ms: 0, fingerprint: fingerprint(utf8(String(offset - 1))) };
    const manifest = {
      ...{
        format,
        fold_version: "v",
        generation: 1,
        log_epoch: 0,
        ...tp,
        partitions: 1,
        next_offset: offset,
      },
      ...{ watermark_ms: 0, last, segments: [hash], taken_at_ms: 1 },
    };
    await store.putSegment(key, hash, segment!);
    await store.putManifest(key, { offset, bytes: await encodeManifest(manifest), segments: [hash] });
    return hash;
  }

  async function discarded(reason: string): Promise<number> {
    const { values } = await registry.getSingleMetric("waymark_snapshots_discarded_total")!.get();
    return values.find((v) => (v.labels as { reason: string }).reason === reason)?.value ?? 0;
  }

  const inRedis = "local v = redis.call(ARGV[1], KEYS[1], ARGV[2]) ";
  /** A byte in the middle of a hash's field, or the last half of it. */
  const flipField = `${inRedis} local m = math.floor(#v / 2)
    redis.call('HSET', KEYS[1], ARGV[2], v:sub(1, m) .. string.char((v:byte(m + 1) + 1) % 256) .. v:sub(m + 2))`;
  const cutField = `${inRedis} redis.call('HSET', KEYS[1], ARGV[2], v:sub(1, math.floor(#v / 2)))`;

  const damages: [what: string, reason: string, damage: (hash: string) => Promise<unknown>][] = [
    [
      "a manifest with a flipped byte",
      "torn",
      () => redis.ask("EVAL", flipField, "1", at("manifests"), "HGET", "5"),
    ],
    ["half a manifest", "torn", () => redis.ask("EVAL", cutField, "1", at("manifests"), "HGET", "5")],
    [
      "a segment with a changed byte",
      "torn",
      (hash) => redis.ask("SETRANGE", at(`segment:${hash}`), "20", "\u0001"),
    ],
    [
      "half a segment",
      "torn",
      (hash) =>
        redis.ask(
          "EVAL",
          "redis.call('SET', KEYS[1], redis.call('GETRANGE', KEYS[1], 0, 19))",
          "1",
          at(`segment:${hash}`),
        ),
    ],
    ["a segment that is gone", "torn", (hash) => redis.ask("DEL", at(`segment:${hash}`))],
    ["a manifest of a newer format", "newer_format", () => put(5, snapshotFormat + 1)],
  ];

  for (const [what, reason, damage] of damages) {
    it(`${what} is counted and the older one used`, async () => {
      await redis.ask("FLUSHALL");
      store = open({ prefix });
      log = memoryLog({ clock: systemClock });
      await log.ensureTopics([{ topic: tp.topic, partitions: 1, retentionMs: minuteMs }]);
      for (let n = 0; n < 6; n++) await log.append([{ ...tp, key: null, value: utf8(String(n)) }]);
      await put(3);
      const hash = await put(5);
      const acquired = () => acquire({ log, store, key, tp, identity });
      assert.equal((await acquired())?.manifest.next_offset, 5);
      const before = await discarded(reason);
      await damage(hash);
      assert.equal((await acquired())?.manifest.next_offset, 3);
      assert.equal(await discarded(reason), before + 1);
    });
  }
});
