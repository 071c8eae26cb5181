/** Erasures over several processes: asked of any, carried out by whoever has a partition, whatever becomes of them. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createClient } from "../../src/client.ts";
import { isoTime, systemClock } from "../../src/time.ts";
import { eventually } from "../conformance/eventually.ts";
import { type Node, type Nodes, startNodes } from "./nodes.ts";

const rider = "rider-who-leaves";
const admin = "admin-key-0000000001";
const keys = { WAYMARK_ADMIN_KEYS: [admin] };
const rideIds = Array.from({ length: 48 }, (_, n) => `ride-${n}`);
const clientOf = ({ url }: Node) => createClient({ url, key: admin });

async function filled(fleet: Nodes): Promise<void> {
  await fleet.settled();
  const [node] = fleet.nodes as [Node];
  const timestamp = isoTime(systemClock.nowMs());
  const event = { event_type: "requested", city: "wien", timestamp } as const;
  await clientOf(node).postEvents(
    rideIds.map((ride_id, n) => ({ ...event, ride_id, user_id: n % 2 === 0 ? rider : `rider-${n}` })),
  );
  await fleet.settled();
}

const entriesOf = ({ service }: Node): string =>
  JSON.stringify(
    service.pipeline.rides.flatMap((host) =>
      [...host.actors.values()].flatMap((actor) => [...actor.fold.entries()])
    ),
  );

/** An entry of a fold cannot be read while something waits for a flush. */
async function naming(fleet: Nodes, text: string): Promise<string[]> {
  await fleet.settled();
  const found: string[] = [];
  for (const node of fleet.nodes) {
    await Promise.all(
      node.service.pipeline.rides.flatMap((host) => [...host.actors.values()].map((actor) => actor.flush())),
    );
    if (entriesOf(node).includes(text)) found.push(node.name);
  }
  return found;
}

async function complete(node: Node, id: string): Promise<void> {
  await eventually(
    `the erasure is complete, as ${node.name} sees it`,
    async () => (await clientOf(node).erasure(id)).complete,
  );
}

describe("an erasure in a fleet", () => {
  it("asked of any node, is carried out by all, and told the same by each", async () => {
    await using fleet = await startNodes(["node-a", "node-b", "node-c"], keys);
    await filled(fleet);
    assert.equal((await naming(fleet, rider)).length, 3, "every node has rides of the rider");
    const { erasure_id } = await clientOf(fleet.nodes[2]!).erase(rider);
    for (const node of fleet.nodes) await complete(node, erasure_id);
    assert.deepEqual(await naming(fleet, rider), []);
    const applied = (await clientOf(fleet.nodes[0]!).erasure(erasure_id)).applied;
    assert.equal(applied.length, 12);
    assert.deepEqual([...new Set(applied.map(({ node }) => node))].sort(), ["node-a", "node-b", "node-c"]);
    for (const node of fleet.nodes) {
      assert.equal((await clientOf(node).ride("ride-0")).user_id, erasure_id);
      assert.equal((await clientOf(node).ride("ride-1")).user_id, "rider-1");
      assert.equal((await clientOf(node).erase(rider)).erasure_id, erasure_id);
    }
    assert.ok(!fleet.said.join("\n").includes(rider));
  });

  it("is carried out for the partitions of a killed node by who has them next", async () => {
    await using fleet = await startNodes(["node-a", "node-b"], keys);
    await filled(fleet);
    const [a, b] = fleet.nodes as [Node, Node];
    await b.kill();
    const { erasure_id } = await clientOf(a).erase(rider);
    await complete(a, erasure_id);
    await fleet.start("node-c");
    assert.deepEqual(await naming(fleet, rider), []);
    assert.deepEqual(await naming(fleet, erasure_id), ["node-a", "node-c"]);
    const timestamp = isoTime(systemClock.nowMs());
    const later = {
      event_type: "requested",
      ride_id: "ride-later",
      user_id: rider,
      city: "wien",
      timestamp,
    } as const;
    await clientOf(fleet.nodes[1]!).postEvents(later);
    assert.deepEqual(await naming(fleet, rider), []);
  });

  it("is for a key of administration only", async () => {
    await using fleet = await startNodes(["node-a"], {
      ...keys,
      WAYMARK_READ_KEYS: ["read-key-00000000001"],
    });
    const reader = createClient({ url: fleet.nodes[0]!.url, key: "read-key-00000000001" });
    await assert.rejects(reader.erase(rider), { code: "key_scope" });
    await assert.rejects(reader.erasures(), { code: "key_scope" });
  });
});
