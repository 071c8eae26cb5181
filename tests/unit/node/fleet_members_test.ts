import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { GroupMemberView } from "../../../src/log/port.ts";
import { fleetMembers, originOf } from "../../../src/node/fleet_members.ts";
import { manualClock, secondMs, settle } from "../../../src/time.ts";

const group = "waymark-rides-g1";
const a = "http://10.0.0.1:8080", b = "http://10.0.0.2:8080", c = "https://c.example";
const member = (memberId: string, address: string | null, ...held: number[]): GroupMemberView => ({
  ...{ memberId, address, holds: held.map((partition) => ({ topic: "ride-events", partition })) },
});

function watched(first: GroupMemberView[]) {
  const clock = manualClock();
  const state = { members: first, looks: 0, does: "answers" as "answers" | "fails" | "hangs" };
  const members = fleetMembers({
    clock,
    log: {
      async members() {
        state.looks++;
        if (state.does === "fails") throw new Error("no broker");
        if (state.does === "hangs") return await new Promise(() => {});
        return state.members;
      },
    },
    self: { address: a, memberIds: () => ["m-a"] },
  });
  return { clock, state, members };
}

const shown = (nodes: readonly { address: string | null; holds: ReadonlySet<string> }[]) =>
  nodes.map(({ address, holds }) => [address, [...holds]]);

describe("fleetMembers", () => {
  it("names the others by address with all they hold, and not this process, by id or by address", async () => {
    const { members } = watched([
      member("m-a", a, 0),
      member("m-a-before-a-restart", a, 5),
      member("m-b1", b, 1),
      member("m-b2", b, 2),
      member("m-c", c),
      member("m-d", "ftp://d", 3),
    ]);
    const { nodes, listed } = await members.others(group);
    assert.equal(listed, true);
    assert.deepEqual(shown(nodes), [
      [b, ["ride-events/1", "ride-events/2"]],
      [c, []],
      [null, ["ride-events/3"]],
    ]);
  });

  it("looks at most so often, sooner when told that it was wrong", async () => {
    const { members, clock, state } = watched([member("m-a", a)]);
    await Promise.all([members.others(group), members.others(group)]);
    await members.others(group);
    await members.others(group, true);
    assert.equal(state.looks, 1);
    await clock.advance(251);
    await members.others(group);
    assert.equal(state.looks, 1);
    await members.others(group, true);
    assert.equal(state.looks, 2);
    await clock.advance(2 * secondMs + 1);
    await members.others(group);
    assert.equal(state.looks, 3);
  });

  it("keeps the address of a member that is listed by its id alone, not of one that has gone", async () => {
    const { members, clock, state } = watched([member("m-a", a), member("m-b", b, 1), member("m-c", c, 2)]);
    await members.others(group);
    state.members = [member("m-a", null), member("m-b", null), member("m-new", null)];
    await clock.advance(3 * secondMs);
    const { nodes, listed } = await members.others(group);
    assert.equal(listed, true);
    assert.deepEqual(shown(nodes), [[b, []], [null, []]]);
  });

  it("goes on with the last list while the log does not say, and does not call itself listed by it", async () => {
    const { members, clock, state } = watched([member("m-a", a), member("m-b", b, 1)]);
    await members.others(group);
    for (const does of ["fails", "hangs"] as const) {
      state.does = does;
      await clock.advance(3 * secondMs);
      const asked = members.others(group);
      await settle();
      await clock.advance(2 * secondMs);
      const { nodes, listed } = await asked;
      assert.deepEqual([shown(nodes), listed], [[[b, ["ride-events/1"]]], false]);
    }
  });

  it("is not listed by a group that has given it up", async () => {
    const { members } = watched([member("m-other-id", a), member("m-b", b, 1)]);
    assert.equal((await members.others(group)).listed, false);
  });
});

describe("originOf", () => {
  it("takes a web origin and nothing that is more or less", () => {
    const cases: [given: string | null, origin: string | null][] = [
      ["http://10.0.0.1:8080", "http://10.0.0.1:8080"],
      ["https://waymark.example/", "https://waymark.example"],
      ["http://[::1]:80", "http://[::1]"],
      ["http://user:secret@host", null],
      ["http://host/path", null],
      ["http://host/?q=1", null],
      ["http://host/#x", null],
      ["file:///etc/passwd", null],
      ["host:8080", null],
      ["", null],
      [null, null],
    ];
    for (const [given, origin] of cases) assert.equal(originOf(given), origin, String(given));
  });
});
