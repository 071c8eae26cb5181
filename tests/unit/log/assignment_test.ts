import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { assignPartitions, partitionName } from "../../../src/log/assignment.ts";
import type { TopicPartition } from "../../../src/log/port.ts";

const topicOf = (topic: string, partitions: number): TopicPartition[] =>
  Array.from({ length: partitions }, (_, partition) => ({ topic, partition }));

const member = (memberId: string, ...topics: string[]) => ({ memberId, topics });

function counts(owners: Map<string, string>, topic = ""): Record<string, number> {
  const result: Record<string, number> = {};
  for (const [name, owner] of owners) {
    if (name.startsWith(topic)) result[owner] = (result[owner] ?? 0) + 1;
  }
  return result;
}

describe("assignPartitions", () => {
  const all = [...topicOf("rides", 12), ...topicOf("locations", 24)];

  it("gives a lone member everything", () => {
    const owners = assignPartitions(all, { members: [member("a", "rides", "locations")], owned: new Map() });
    assert.deepEqual(counts(owners), { a: 36 });
  });

  it("spreads each topic over members that join together", () => {
    const members = ["a", "b", "c"].map((id) => member(id, "rides", "locations"));
    const owners = assignPartitions(all, { members, owned: new Map() });
    assert.deepEqual(counts(owners, "rides"), { a: 4, b: 4, c: 4 });
    assert.deepEqual(counts(owners, "locations"), { a: 8, b: 8, c: 8 });
  });

  it("takes from the first, when a second joins, half of each topic and nothing more", () => {
    const first = member("a", "rides", "locations");
    const owned = assignPartitions(all, { members: [first], owned: new Map() });
    const owners = assignPartitions(all, { members: [first, member("b", "rides", "locations")], owned });
    assert.deepEqual(counts(owners, "rides"), { a: 6, b: 6 });
    assert.deepEqual(counts(owners, "locations"), { a: 12, b: 12 });
  });

  it("leaves a topic that nobody reads without an owner", () => {
    const owners = assignPartitions(all, { members: [member("a", "rides")], owned: new Map() });
    assert.deepEqual(counts(owners), { a: 12 });
  });

  it("is even, complete and moves no more than evenness asks, through any joins and leaves", () => {
    const steps = fc.array(fc.record({ joins: fc.boolean(), which: fc.nat(9) }), { maxLength: 20 });
    fc.assert(fc.property(steps, fc.integer({ min: 1, max: 20 }), (steps, partitions) => {
      let members: ReturnType<typeof member>[] = [];
      let owned = new Map<string, string>();
      let joined = 0;
      for (const { joins, which } of steps) {
        const before = owned;
        if (joins) members = [...members, member(`m${joined++}`, "t")];
        else members = members.filter((_, i) => i !== which % Math.max(1, members.length));
        owned = assignPartitions(topicOf("t", partitions), { members, owned: before });
        assert.equal(owned.size, members.length === 0 ? 0 : partitions);
        const loads = members.map((m) => counts(owned)[m.memberId] ?? 0);
        if (loads.length > 0) assert.ok(Math.max(...loads) - Math.min(...loads) <= 1);
        assertFewMoves(before, owned, members.map((m) => m.memberId));
      }
    }));
  });
});

/** A partition leaves a member that stays only while it holds more than the even share. */
function assertFewMoves(before: Map<string, string>, after: Map<string, string>, present: string[]): void {
  for (const memberId of present) {
    const had = [...before].filter(([, owner]) => owner === memberId).map(([name]) => name);
    const kept = had.filter((name) => after.get(name) === memberId).length;
    const share = Math.floor(after.size / present.length);
    assert.ok(
      kept >= Math.min(had.length, share),
      `${memberId} kept ${kept} of ${had.length}, share ${share}`,
    );
  }
}

describe("partitionName", () => {
  it("is topic and number", () => assert.equal(partitionName({ topic: "t", partition: 3 }), "t/3"));
});
