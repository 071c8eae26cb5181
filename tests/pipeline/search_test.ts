/** Searches and explanations over several nodes: every row once, what was not searched by name, sums that add up. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { windowExplanation } from "../../schemas/explanation.ts";
import { type DriversAnswer, driversAnswer, type RidesAnswer, ridesAnswer } from "../../schemas/http.ts";
import { isoTime, minuteMs, systemClock } from "../../src/time.ts";
import { eventually } from "../conformance/eventually.ts";
import { type Node, type Nodes, startNodes } from "./nodes.ts";

const names = ["node-a", "node-b", "node-c"];
const rideIds = Array.from({ length: 90 }, (_, n) => `ride/${n} ☂`);
const driverIds = Array.from({ length: 40 }, (_, n) => `driver-${n}`);

async function post(node: Node, path: string, items: object[]): Promise<void> {
  const response = await fetch(`${node.url}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(items),
  });
  assert.deepEqual(await response.json(), { accepted: items.length, rejected: [] });
}

async function fill(fleet: Nodes): Promise<number> {
  const atMs = systemClock.nowMs();
  const [node] = fleet.nodes as [Node];
  const event = { event_type: "requested", timestamp: isoTime(atMs) };
  await post(
    node,
    "/v1/events",
    rideIds.map((ride_id, n) => ({ ...event, ride_id, city: n % 3 === 0 ? "graz" : "wien", user_id: "u" })),
  );
  const seen = { timestamp: isoTime(atMs), lat: 48.2, lng: 16.4, city: "wien", status: "available" };
  await post(node, "/v1/locations", driverIds.map((driver_id) => ({ ...seen, driver_id })));
  await fleet.settled();
  return atMs;
}

async function pages<T extends RidesAnswer | DriversAnswer>(
  node: Node,
  path: string,
  parse: (body: unknown) => T,
): Promise<T[]> {
  const answers: T[] = [];
  let cursor: string | null = null;
  do {
    const at: string = cursor === null ? "" : `&cursor=${encodeURIComponent(cursor)}`;
    const answer = parse(await (await node.get(`${path}${at}`)).json());
    answers.push(answer);
    cursor = answer.next;
  } while (cursor !== null);
  return answers;
}

describe("searches of a fleet", () => {
  it("find every actor of every node once, asked of any, in pages of any size", async () => {
    await using fleet = await startNodes(names);
    await fleet.settled();
    await fill(fleet);
    for (const node of fleet.nodes) {
      const rides = await pages(node, "/v1/rides?limit=7", (body) => ridesAnswer.parse(body));
      assert.ok(rides.every(({ complete }) => complete));
      assert.deepEqual(rides.flatMap(({ rides }) => rides.map((r) => r.ride_id)), [...rideIds].sort());
      const graz = await pages(
        node,
        "/v1/rides?city=graz&state=requested",
        (body) => ridesAnswer.parse(body),
      );
      assert.equal(graz.flatMap(({ rides }) => rides).length, 30);
      const drivers = await pages(node, "/v1/drivers?limit=11", (body) => driversAnswer.parse(body));
      const found = drivers.flatMap(({ drivers }) => drivers);
      assert.deepEqual(found.map((d) => d.driver_id), [...driverIds].sort());
      assert.equal(new Set(found.map((d) => d.owner.node)).size, names.length);
    }
  });

  it("name the partitions of a node that does not answer", async () => {
    await using fleet = await startNodes(names);
    await fleet.settled();
    await fill(fleet);
    const [asked, silent] = fleet.nodes as [Node, Node];
    const held = silent.service.pipeline.rides.flatMap((host) => [...host.actors.keys()]);
    await silent.unplug();
    const answer = ridesAnswer.parse(await (await asked.get("/v1/rides?limit=500")).json());
    assert.equal(answer.complete, false);
    assert.deepEqual(
      answer.missing,
      held.sort((a, b) => a - b).map((partition) => `ride-events/${partition}`),
    );
    assert.ok(answer.rides.length > 0 && answer.rides.length < rideIds.length);
  });
});

describe("the explanation of a window", () => {
  it("says the same at every node: what each partition told, and what is waited for", async () => {
    await using fleet = await startNodes(names);
    await fleet.settled();
    const atMs = await fill(fleet);
    const startMs = Math.floor(atMs / minuteMs) * minuteMs;
    const path = `/v1/cities/wien/windows/${isoTime(startMs)}/explain`;
    const [node] = fleet.nodes as [Node];
    await eventually("all 60 events are in the window", async () => {
      const response = await node.get(path);
      const body = await response.json();
      return response.status === 200 && body.window.total_events === 60;
    });
    for (const node of fleet.nodes) {
      const explained = windowExplanation.parse(await (await node.get(path)).json());
      assert.equal(explained.phase, "open");
      assert.equal(explained.late, null);
      const rides = explained.sources.filter(({ topic }) => topic === "ride-events");
      assert.equal(rides.length, node.service.pipeline.context.partitions["ride-events"]);
      assert.equal(rides.reduce((sum, { events }) => sum + events, 0), 60);
      assert.ok(rides.every(({ waited_for }) => waited_for));
      assert.ok(explained.sources.some(({ holds_watermark }) => holds_watermark));
      for (const { panes, events, next_offset } of rides) {
        assert.equal(panes.reduce((sum, pane) => sum + pane.requests, 0), events);
        for (const { minute, offset } of panes) {
          assert.equal(minute, isoTime(startMs));
          assert.ok(offset < next_offset);
        }
      }
    }
    const missing = await node.get(`/v1/cities/wien/windows/${isoTime(startMs + 60 * minuteMs)}/explain`);
    assert.deepEqual([missing.status, (await missing.json()).error.code], [404, "window_not_found"]);
    for (const start of ["yesterday", isoTime(startMs + 1)]) {
      assert.equal(
        (await (await node.get(`/v1/cities/wien/windows/${start}/explain`)).json()).error.code,
        "path_invalid",
      );
    }
  });
});
