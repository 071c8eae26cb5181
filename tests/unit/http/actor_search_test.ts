import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { actorAnswer } from "../../../src/http/actor_search.ts";
import type { Asking, Fleet, NodeAnswer, OtherNode } from "../../../src/http/fleet_handle.ts";
import { forwardedHeader, parseSearched, searchedHeader, searchedText } from "../../../src/http/forwarded.ts";
import type { Looked, Provenance } from "../../../src/http/handles.ts";
import { refusalResponse, refuse } from "../../../src/http/errors.ts";
import { isoTime } from "../../../src/time.ts";

const partitions = 4;
const home = 2;

/** A node as data: what it runs, where it has the ride, and what it believes of the others. */
type Node = {
  runs: number[];
  /** The partition and offset at which it knows the ride. */
  ride?: { partition: number; offset: number };
  offset?: number;
  /** Given up by the group, without knowing. */
  unlisted?: true;
  /** What the groups say it holds; by default what it runs. */
  said?: number[];
  does?: "nothing" | "refuses the key" | "is another program" | "lies";
};

const owner = (node: string, partition: number, offset: number): Provenance => ({
  ...{ node, topic: "ride-events", partition, offset, watermark: null, as_of: isoTime(0) },
});

function looked(name: string, { runs, ride, offset = 10 }: Node): Looked<{ owner: Provenance }> {
  return {
    ...{ stage: "rides", topic: "ride-events", home, partitions, searched: runs },
    view: ride === undefined ? null : { owner: owner(name, ride.partition, ride.offset) },
    owner: runs.includes(home) ? owner(name, home, offset) : null,
  };
}

/** The real answer of each node to the real question; leaves out HTTP itself. */
function fleetOf(nodes: Record<string, Node>) {
  const asked: string[] = [];
  const question = (asking: Asking | null) => ({
    request: new Request("http://localhost/v1/rides/ride-1", {
      headers: asking === null ? {} : { [forwardedHeader]: "node-a" },
    }),
    ...{ requestId: "r-1", kind: "ride" as const, path: "/v1/rides/ride-1" },
  });
  const fleetFor = (self: string): Fleet => ({
    address: `http://${self}`,
    seats: [],
    async others() {
      const others = Object.entries(nodes).filter(([name, { unlisted }]) => name !== self && !unlisted);
      return {
        nodes: others.map(([name, { runs, said }]) => ({
          address: `http://${name}`,
          holds: new Set((said ?? runs).map((partition) => `ride-events/${partition}`)),
        })),
        listed: nodes[self]!.unlisted !== true,
      };
    },
    ask: async ({ address }: OtherNode, asking: Asking): Promise<NodeAnswer | null> => {
      const name = new URL(address!).host;
      const node = nodes[name]!;
      asked.push(name);
      if (node.does === "nothing") return null;
      const response = node.does === "refuses the key"
        ? refusalResponse(refuse("key_unknown", "the key is not known here"))
        : node.does === "is another program"
        ? Response.json({ hello: "there" })
        : await actorAnswer(question(asking), looked(name, node), fleetFor(name));
      if (node.does === "lies") response.headers.set(searchedHeader, "all of them");
      return {
        status: response.status,
        contentType: "application/json",
        body: new Uint8Array(await response.arrayBuffer()),
        searched: parseSearched(response.headers.get(searchedHeader)),
      };
    },
    refresh: async () => {},
    refreshCities: async () => {},
    seen: () => null,
    ledgers: async () => [],
  });
  return {
    asked,
    async ask(name: string, forwarded = false) {
      const local = looked(name, nodes[name]!);
      const asking = forwarded ? { path: "", authorization: null, requestId: "" } : null;
      const response = await actorAnswer(question(asking), local, fleetFor(name));
      const body = await response.json();
      return { status: response.status, code: body.error?.code, owner: body.owner, response };
    },
  };
}

describe("actorAnswer", () => {
  it("asks nobody when the home partition is here and knows the actor", async () => {
    const fleet = fleetOf({ a: { runs: [2], ride: { partition: 2, offset: 7 } }, b: { runs: [0, 1, 3] } });
    const { status, owner } = await fleet.ask("a");
    assert.deepEqual([status, owner.node, owner.offset, fleet.asked], [200, "a", 7, []]);
  });

  it("asks the node that holds the home partition, and nobody else when that one knows", async () => {
    const fleet = fleetOf({
      a: { runs: [0] },
      b: { runs: [1, 3] },
      c: { runs: [2], ride: { partition: 2, offset: 7 } },
    });
    const { status, owner } = await fleet.ask("a");
    assert.deepEqual([status, owner.node, owner.offset, fleet.asked], [200, "c", 7, ["c"]]);
  });

  const cases: [what: string, nodes: Record<string, Node>, status: number, named: string][] = [
    [
      "the groups name the wrong node: found all the same",
      {
        a: { runs: [0] },
        b: { runs: [1, 3], said: [2] },
        c: { runs: [2], said: [], ride: { partition: 2, offset: 7 } },
      },
      200,
      "c",
    ],
    [
      "two nodes of which each is said to hold what neither does: 503",
      { a: { runs: [0, 1], said: [2] }, b: { runs: [3], said: [2] } },
      503,
      "ride-events/2",
    ],
    [
      "nobody knows the actor and every partition was searched: 404 of the home partition's owner",
      { a: { runs: [0, 1] }, b: { runs: [3] }, c: { runs: [2] } },
      404,
      "c",
    ],
    [
      "the same with the home partition here",
      { a: { runs: [2] }, b: { runs: [3, 1] }, c: { runs: [0] } },
      404,
      "a",
    ],
    [
      "the home partition does not know it and another one is nowhere: 503 names that one",
      { a: { runs: [2] }, b: { runs: [1] }, c: { runs: [0] } },
      503,
      "ride-events/3",
    ],
    [
      "the home partition's node does not answer: 503",
      { a: { runs: [0, 1] }, b: { runs: [3] }, c: { runs: [2], does: "nothing" } },
      503,
      "ride-events/2",
    ],
    [
      "another partition's node does not answer: 503, never 404",
      { a: { runs: [0, 1] }, b: { runs: [3], does: "nothing" }, c: { runs: [2] } },
      503,
      "ride-events/3",
    ],
    [
      "it does not answer, but the actor is known elsewhere: found",
      {
        a: { runs: [0, 1] },
        b: { runs: [3], does: "nothing" },
        c: { runs: [2], ride: { partition: 2, offset: 1 } },
      },
      200,
      "c",
    ],
    [
      "a node that refuses the key has not answered",
      { a: { runs: [0, 1] }, b: { runs: [3] }, c: { runs: [2], does: "refuses the key" } },
      503,
      "ride-events/2",
    ],
    [
      "a program that is none of ours has not answered",
      { a: { runs: [0, 1, 3] }, b: { runs: [2], does: "is another program" } },
      503,
      "ride-events/2",
    ],
    [
      "a node that does not say what it searched has not answered",
      { a: { runs: [0, 1, 3] }, b: { runs: [2], does: "lies" } },
      503,
      "ride-events/2",
    ],
    [
      "misplaced, on a partition of another node: found",
      { a: { runs: [0, 1] }, b: { runs: [3], ride: { partition: 3, offset: 4 } }, c: { runs: [2] } },
      200,
      "b",
    ],
    [
      "misplaced here, unknown to the home partition: found here",
      { a: { runs: [0, 1], ride: { partition: 1, offset: 4 } }, b: { runs: [2, 3] } },
      200,
      "a",
    ],
    [
      "misplaced here and known to the home partition: the home partition's word, whichever node is asked",
      {
        a: { runs: [0, 1], ride: { partition: 1, offset: 40 } },
        b: { runs: [2, 3], ride: { partition: 2, offset: 4 } },
      },
      200,
      "b",
    ],
    [
      "an owner that was given up without knowing says it is unknown: the new owner is asked",
      {
        a: { runs: [0, 1, 2], unlisted: true },
        b: { runs: [0, 1, 2, 3], ride: { partition: 2, offset: 9 } },
      },
      200,
      "b",
    ],
    [
      "what an owner searched that was given up counts for nothing",
      { a: { runs: [0, 1, 2, 3], unlisted: true }, b: { runs: [0, 1, 3] } },
      503,
      "ride-events/2",
    ],
    [
      "two nodes know it on the same partition: the one that has read further",
      {
        a: { runs: [0, 1] },
        b: { runs: [2], said: [], ride: { partition: 2, offset: 4 } },
        c: { runs: [2, 3], said: [], ride: { partition: 2, offset: 9 } },
      },
      200,
      "c",
    ],
  ];
  for (const [what, nodes, status, named] of cases) {
    it(what, async () => {
      const fleet = fleetOf(nodes);
      const answer = await fleet.ask("a");
      assert.equal(answer.status, status);
      const { node, topic, partition } = answer.owner;
      assert.equal(status === 503 ? `${topic}/${partition}` : node, named);
      assert.equal(answer.response.headers.get("retry-after"), status === 503 ? "2" : null);
      assert.equal(new Set(fleet.asked).size, fleet.asked.length, "nobody is asked twice");
    });
  }

  it("asks nobody when it is asked by a node, and says what it searched", async () => {
    for (const ride of [undefined, { partition: 3, offset: 4 }]) {
      const fleet = fleetOf({
        a: { runs: [0, 3], ...(ride !== undefined && { ride }) },
        b: { runs: [2, 1], ride: { partition: 2, offset: 4 } },
      });
      const { status, response } = await fleet.ask("a", true);
      assert.deepEqual([status, response.headers.get(searchedHeader), fleet.asked], [
        ride === undefined ? 503 : 200,
        "0,3",
        [],
      ]);
    }
  });

  it("alone, says 404 only once every partition is there", async () => {
    const alone = async (runs: number[]) => {
      const request = new Request("http://localhost/v1/rides/ride-1");
      const local = looked("a", { runs });
      return (await actorAnswer(
        { request, requestId: "", kind: "ride", path: "/v1/rides/ride-1" },
        local,
        null,
      )).status;
    };
    assert.deepEqual([await alone([0, 1, 2, 3]), await alone([1, 2, 3]), await alone([0, 1, 3])], [
      404,
      503,
      503,
    ]);
  });
});

describe("parseSearched", () => {
  it("reads what searchedText writes, and nothing else", () => {
    for (const list of [[], [0], [0, 3, 11]]) assert.deepEqual(parseSearched(searchedText(list)), list);
    for (const text of [null, "all", "1,", "-1", "1;2", "1e3"]) assert.equal(parseSearched(text), null);
  });
});
