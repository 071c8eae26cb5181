/** A fleet of services sharing the consumer groups answers as one, also while partitions change hands. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { LedgerAnswer, PartitionsAnswer, PartitionView } from "../../schemas/http.ts";
import { ledgerAnswer, partitionsAnswer } from "../../schemas/http.ts";
import { searchedHeader } from "../../src/http/forwarded.ts";
import { utf8 } from "../../src/ids.ts";
import { isoTime, systemClock } from "../../src/time.ts";
import { eventually } from "../conformance/eventually.ts";
import type { Log } from "../../src/log/port.ts";
import { startPipeline } from "../../src/node/pipeline.ts";
import { lookRide } from "../../src/node/views.ts";
import { actorsOf, crashNow, openParts } from "./harness.ts";
import { quick } from "./quick.ts";
import { type Node, type Nodes, startNodes } from "./nodes.ts";

const names = ["node-a", "node-b", "node-c"];
const rideIds = Array.from({ length: 60 }, (_, n) => `ride/${n} ☂`);
const driverIds = Array.from({ length: 40 }, (_, n) => `driver-${n}`);
const pathOf = (id: string) => `/v1/${id.startsWith("ride") ? "rides" : "drivers"}/${encodeURIComponent(id)}`;

async function post(node: Node, path: string, items: object[], key?: string): Promise<void> {
  const response = await fetch(`${node.url}${path}`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      ...(key !== undefined && { authorization: `Bearer ${key}` }),
    },
    body: JSON.stringify(items),
  });
  assert.deepEqual(await response.json(), { accepted: items.length, rejected: [] });
}

async function fill(fleet: Nodes, key?: string): Promise<void> {
  const timestamp = isoTime(systemClock.nowMs());
  const [node] = fleet.nodes as [Node];
  const event = { event_type: "requested", city: "wien", timestamp };
  await post(node, "/v1/events", rideIds.map((ride_id) => ({ ...event, ride_id })), key);
  const seen = { timestamp, lat: 48.2, lng: 16.4, city: "wien" };
  await post(node, "/v1/locations", driverIds.map((driver_id) => ({ ...seen, driver_id })), key);
  await fleet.settled();
}

/** The answer about an actor; throws for one that is neither right nor an honest 503. */
async function ask(node: Node, id: string): Promise<{ status: number; owner: string }> {
  const response = await node.get(pathOf(id));
  const body = await response.json();
  const where = `${id} at ${node.name}: ${response.status} ${JSON.stringify(body).slice(0, 300)}`;
  const { owner } = body;
  if (response.status === 503) {
    assert.equal(body.error.code, "partition_not_ready", where);
    assert.ok(Number(response.headers.get("retry-after")) > 0, where);
    assert.match(`${owner.topic}/${owner.partition}`, /^(ride-events|driver-locations)\/\d+$/, where);
    return { status: 503, owner: "" };
  }
  assert.equal(response.status, 200, where);
  assert.equal(body.ride_id ?? body.driver_id, id, where);
  assert.ok(names.includes(owner.node) && owner.offset > 0 && Date.parse(owner.as_of) > 0, where);
  return { status: 200, owner: owner.node };
}

/** The node that has the actor in memory. */
function holderOf(fleet: Nodes, id: string): Node {
  const holds = ({ service: { pipeline } }: Node) =>
    pipeline.rides.some((h) => [...h.actors.values()].some((actor) => actor.fold.ride(id))) ||
    pipeline.locations.some((h) => [...h.actors.values()].some((actor) => actor.fold.driver(id)));
  return fleet.nodes.find(holds)!;
}

/** What the node says once no more others than that are silent: all of them share a busy event loop. */
async function saidBy<A extends LedgerAnswer | PartitionsAnswer>(
  node: Node,
  path: string,
  { schema, silent = 0 }: { schema: { parse(body: unknown): A }; silent?: number },
): Promise<A> {
  let answer: A;
  await eventually("the others have answered", async () => {
    answer = schema.parse(await (await node.get(path)).json());
    return answer.nodes.filter(({ answered }) => !answered).length === silent;
  });
  return answer!;
}
const partitionsAt = (node: Node, silent = 0) =>
  saidBy(node, "/v1/partitions", { schema: partitionsAnswer, silent });
const ledgerAt = (node: Node, silent = 0) => saidBy(node, "/v1/ledger", { schema: ledgerAnswer, silent });
const seatOf = ({ topic, partition }: Pick<PartitionView, "topic" | "partition">) => `${topic}/${partition}`;

describe("a fleet of three nodes", () => {
  it("answers for every actor from every node, with the owner's name and position", async () => {
    await using fleet = await startNodes(names);
    await fleet.settled();
    await fill(fleet);
    const owners = new Set<string>();
    for (const id of [...rideIds, ...driverIds]) {
      const holder = holderOf(fleet, id).name;
      for (const node of fleet.nodes) {
        assert.deepEqual(await ask(node, id), { status: 200, owner: holder });
      }
      owners.add(holder);
    }
    assert.deepEqual([...owners].sort(), names);
    for (const node of fleet.nodes) {
      for (const id of ["ride-nobody", "driver-nobody"]) {
        const response = await node.get(pathOf(id));
        const { error, owner } = await response.json();
        assert.equal(response.status, 404);
        assert.match(error.code, /^(ride|driver)_not_found$/);
        assert.ok(names.includes(owner.node));
      }
    }
  });

  it("says how much each partition has published, wherever it is", async () => {
    await using fleet = await startNodes(names);
    await fleet.settled();
    await fill(fleet);
    const { partitions: counts } = await ledgerAt(fleet.nodes[0]!);
    const read = new Set(counts.filter((count) => count.read > 0).map(seatOf));
    assert.ok(read.size > 12);
    // A flush follows the fold.
    await eventually("every partition that has read has published", async () => {
      const { partitions } = await partitionsAt(fleet.nodes[0]!);
      return !partitions.some((p) => p.published === 0 && read.has(seatOf(p)));
    });
  });

  it("finds a ride that a producer put on another partition than its key's", async () => {
    await using fleet = await startNodes(names);
    await fleet.settled();
    const { partitionOf } = fleet.nodes[0]!.service.pipeline.context;
    const ids = Array.from({ length: 12 }, (_, n) => `ride-misplaced-${n}`);
    await fleet.log.append(ids.map((ride_id) => ({
      topic: "ride-events",
      partition: (partitionOf("ride-events", utf8(ride_id)) + 1) % 12,
      key: utf8(ride_id),
      value: utf8(JSON.stringify({
        ...{ event_type: "requested", ride_id, city: "wien", timestamp: isoTime(systemClock.nowMs()) },
      })),
    })));
    await fleet.settled();
    for (const id of ids) {
      for (const node of fleet.nodes) {
        assert.deepEqual(await ask(node, id), { status: 200, owner: holderOf(fleet, id).name });
      }
    }
  });

  for (const leaving of ["drain", "kill"] as const) {
    it(`says what is right or 503 while a node leaves (${leaving}) and comes back, never 404`, async () => {
      await using fleet = await startNodes(names);
      await fleet.settled();
      await fill(fleet);
      const [a, b, c] = fleet.nodes as [Node, Node, Node];
      const moving = { over: false };
      const moved = (async () => {
        await c[leaving]();
        await fleet.settled();
        await fleet.start("node-c");
        await fleet.settled();
        moving.over = true;
      })();
      let asked = 0;
      while (!moving.over) {
        const ids = [rideIds, driverIds].map((all) => all[asked % all.length]!);
        await Promise.all([a, b].flatMap((node) => ids.map((id) => ask(node, id))));
        asked++;
      }
      await moved;
      assert.ok(asked > 0);
      for (const id of [...rideIds, ...driverIds]) {
        for (const node of fleet.nodes) {
          await eventually(
            `${id} is found at ${node.name}`,
            async () => (await ask(node, id)).status === 200,
          );
        }
      }
    });
  }

  it("says 503 for what is on a node that is down, and goes on answering for the rest", async () => {
    await using fleet = await startNodes(names);
    await fleet.settled();
    await fill(fleet);
    const [a, b, c] = fleet.nodes as [Node, Node, Node];
    await c.unplug();
    for (const id of rideIds) {
      const owner = holderOf(fleet, id);
      for (const node of [a, b]) {
        assert.deepEqual(
          await ask(node, id),
          owner === c ? { status: 503, owner: "" } : { status: 200, owner: owner.name },
        );
      }
    }
    assert.equal((await ask(a, "ride-nobody")).status, 503);

    const { partitions, nodes } = await partitionsAt(a, 1);
    assert.equal(partitions.length, 42);
    const unknown = partitions.filter((p) => p.state === "unknown");
    assert.deepEqual(
      unknown.map(seatOf).sort(),
      actorsOf(c.service.pipeline).map((actor) => seatOf(actor.tp)).sort(),
    );
    assert.deepEqual(nodes.find((n) => n.address === c.url), {
      ...{ node: "", address: c.url, answered: false, partitions: unknown.length },
    });
    const ledger = await ledgerAt(a, 1);
    assert.equal(ledger.complete, false);
    assert.deepEqual(
      ledger.missing.sort(),
      unknown.filter((p) => p.stage !== "cities").map(seatOf).sort(),
    );
  });

  it("passes no question on that was passed on, whoever says so", async () => {
    await using fleet = await startNodes(names);
    await fleet.settled();
    await fill(fleet);
    const [a, b, c] = fleet.nodes as [Node, Node, Node];
    const elsewhere = rideIds.find((id) => holderOf(fleet, id) !== a)!;
    const before = [b.requests(), c.requests()];
    for (const path of [pathOf(elsewhere), "/v1/partitions", "/v1/ledger"]) {
      const response = await a.get(path, { "x-waymark-forwarded": "made up" });
      const body = await response.json();
      if (path.startsWith("/v1/rides")) {
        assert.equal(response.status, 503);
        const searched = a.service.pipeline.rides.flatMap((host) => [...host.actors.keys()]);
        assert.deepEqual(
          response.headers.get(searchedHeader)!.split(",").map(Number).sort(),
          searched.sort(),
        );
      } else {
        assert.deepEqual(body.nodes.map((n: { node: string }) => n.node), ["node-a"]);
      }
    }
    assert.deepEqual([b.requests(), c.requests()], before);
  });

  it("wants the same key of a question that is passed on, and writes none down", async () => {
    const [read, post] = ["read-key-00000001", "post-key-00000001"];
    await using fleet = await startNodes(names, { WAYMARK_READ_KEYS: [read], WAYMARK_INGEST_KEYS: [post] });
    await fleet.settled();
    await fill(fleet, post);
    const [a] = fleet.nodes as [Node];
    const elsewhere = rideIds.find((id) => holderOf(fleet, id) !== a)!;
    const status = async (headers: Record<string, string>) => {
      const response = await a.get(pathOf(elsewhere), headers);
      await response.body?.cancel();
      return response.status;
    };
    assert.equal(await status({}), 401);
    assert.equal(await status({ "x-waymark-forwarded": "node-b" }), 401);
    assert.equal(await status({ authorization: `Bearer ${post}` }), 403);
    assert.equal(await status({ authorization: `Bearer ${read}` }), 200);
    assert.equal(await status({ authorization: `Basic ${btoa(`me:${read}`)}` }), 200);
    const partitions = partitionsAnswer.parse(
      await (await a.get("/v1/partitions", { authorization: `Bearer ${read}` })).json(),
    );
    assert.deepEqual(partitions.nodes.map((n) => n.answered), [true, true, true]);
    assert.ok(!fleet.said.some((line) => line.includes(read) || line.includes(post)));
  });

  it("shows the same partitions, owners, ledger and watermarks from every node; /metrics its own only", async () => {
    await using fleet = await startNodes(names, { WAYMARK_IDLE_MS: 200 });
    await fleet.settled();
    await fill(fleet);
    const owners = new Map(
      fleet.nodes.flatMap(({ name, service }) =>
        actorsOf(service.pipeline).map((actor) => [seatOf(actor.tp), name] as const)
      ),
    );
    for (const node of fleet.nodes) {
      const { partitions, nodes } = await partitionsAt(node);
      assert.deepEqual(
        new Map(partitions.map((p) => [seatOf(p), p.owner])),
        new Map([...owners].sort(
          ([a], [b]) =>
            partitions.findIndex((p) => seatOf(p) === a) - partitions.findIndex((p) => seatOf(p) === b),
        )),
      );
      assert.ok(partitions.every((p) => p.state === "running"));
      assert.deepEqual(nodes.map((n) => [n.node, n.answered]).sort(), names.map((name) => [name, true]));
      assert.equal(nodes[0]!.node, node.name);
      assert.equal(nodes.reduce((sum, n) => sum + n.partitions, 0), 42);

      const ledger = await ledgerAt(node);
      assert.deepEqual([ledger.complete, ledger.balanced, ledger.missing], [true, true, []]);
      assert.deepEqual(
        [ledger.total["ride-events"]!.read, ledger.total["driver-locations"]!.counted],
        [rideIds.length, driverIds.length],
      );

      const metrics = await (await node.get("/metrics")).text();
      const scraped = [
        ...metrics.matchAll(/^waymark_partition_lag_records\{topic="(.*)",partition="(.*)"\}/gm),
      ];
      assert.deepEqual(
        scraped.map(([, topic, partition]) => `${topic}/${partition}`).sort(),
        actorsOf(node.service.pipeline).map((actor) => seatOf(actor.tp)).sort(),
      );
      assert.deepEqual(node.service.handles.health(), {
        ...{ started: true, ready: true, draining: false, causes: [] },
      });
    }
    // Nobody writes any more, so the watermark comes to rest where all sources are idle.
    const shown = async (node: Node): Promise<string | null> =>
      (await (await node.get("/v1/cities")).json()).watermarks.rides;
    await eventually("every node shows the same watermark, the lowest of all", async () => {
      const all = await Promise.all(fleet.nodes.map(shown));
      const own = fleet.nodes.map(({ service }) => service.handles.own.watermarks().rides);
      return all.every((time) => time !== null && time === all[0]) && own.every((time) => time! >= all[0]!);
    });
  });

  it("tells a live page of the partitions of all nodes", async () => {
    await using fleet = await startNodes(names);
    await fleet.settled();
    const [a] = fleet.nodes as [Node];
    const over = new AbortController();
    void systemClock.sleep(90_000, over.signal).then(() => over.abort());
    const response = await fetch(`${a.url}/v1/stream?events=partition`, { signal: over.signal });
    const owners = new Map<string, string>();
    let text = "";
    for await (const part of response.body!.pipeThrough(new TextDecoderStream())) {
      text += part;
      const lines = text.split("\n");
      text = lines.pop()!;
      for (const line of lines.filter((line) => line.startsWith('data: {"topic"'))) {
        const view: PartitionView = JSON.parse(line.slice(6));
        if (view.state === "running") owners.set(seatOf(view), view.owner);
      }
      if (owners.size === 42) break;
    }
    over.abort();
    assert.deepEqual([...new Set(owners.values())].sort(), names);
  });

  it("has nodes without a partition, which are ready and answer too", async () => {
    const one = (["ride-events", "driver-locations", "city-partials"] as const).map((topic) =>
      [topic, 1] as const
    );
    await using fleet = await startNodes(names, { WAYMARK_PARTITIONS: one });
    await fleet.settled();
    await fill(fleet);
    const idle = fleet.nodes.filter(({ service }) => actorsOf(service.pipeline).length === 0);
    assert.ok(idle.length > 0);
    for (const node of idle) {
      assert.equal((await node.get("/readyz")).status, 200);
      assert.equal((await ask(node, rideIds[0]!)).status, 200);
      assert.equal((await partitionsAt(node)).partitions.length, 3);
    }
  });
});

describe("a node that has just taken a partition over", () => {
  it("does not say that it knows no such ride before it has folded what was in the log", async () => {
    const parts = await openParts("memory");
    const open = Promise.withResolvers<void>();
    const slow: Log = {
      ...parts.log,
      join: (options) =>
        parts.log.join({
          ...options,
          handlers: {
            ...options.handlers,
            async batch(tp, records, end) {
              await open.promise;
              await options.handlers.batch(tp, records, end);
            },
          },
        }),
    };
    const first = await startPipeline({
      ...{ config: quick, log: slow, store: parts.store, clock: systemClock, input: { kind: "live" } },
      onStopped: (_, error) => assert.fail(String(error)),
    });
    const speaker = { node: "node-a", nowMs: 0 };
    const look = (id: string) => lookRide(first, speaker, id);
    const { home } = look("ride-1");
    await eventually("the empty log is searched", () => look("ride-1").searched.length === 12);
    const value = { event_type: "requested", ride_id: "ride-1", timestamp: isoTime(systemClock.nowMs()) };
    crashNow(first, parts.log);
    await parts.log.append([
      { topic: "ride-events", partition: home, key: null, value: utf8(JSON.stringify(value)) },
    ]);
    const second = await startPipeline({
      ...{ config: quick, log: slow, store: parts.store, clock: systemClock, input: { kind: "live" } },
      onStopped: (_, error) => assert.fail(String(error)),
    });
    const again = () => lookRide(second, speaker, "ride-1");
    await eventually("all others are searched", () => again().searched.length === 11);
    assert.deepEqual([again().searched.includes(home), again().view, again().owner], [false, null, null]);
    open.resolve();
    await eventually("it is searched too", () => again().searched.length === 12);
    assert.deepEqual([again().view?.ride_id, again().owner?.offset], ["ride-1", 1]);
    second.abandon();
    await parts.dispose();
  });
});
