/** planRound: partitions change hands only by way of nobody's. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  decodeAssigned,
  decodeMember,
  encodeAssigned,
  encodeMember,
  type JoinedMember,
  planRound,
} from "../../src/log/kafka/rebalance.ts";

const all = Array.from({ length: 6 }, (_, partition) => ({ topic: "t", partition }));
const member = (memberId: string, held: number[], isLeaving = false): JoinedMember => ({
  memberId,
  topics: ["t"],
  holds: held.map((partition) => ({ topic: "t", partition })),
  isLeaving,
  address: null,
});
const planned = (members: JoinedMember[]) =>
  Object.fromEntries(
    [...planRound(members, all).assigned].map(([id, tps]) => [id, tps.map((tp) => tp.partition)]),
  );

describe("planRound", () => {
  const rounds: [what: string, members: JoinedMember[], plan: Record<string, number[]>][] = [
    ["a lone member gets everything", [member("a", [])], { a: [0, 1, 2, 3, 4, 5] }],
    [
      "a newcomer gets nothing that is still held",
      [member("a", [0, 1, 2, 3, 4, 5]), member("b", [])],
      { a: [0, 1, 2], b: [] },
    ],
    ["and what was given back in the next round", [member("a", [0, 1, 2]), member("b", [])], {
      a: [0, 1, 2],
      b: [3, 4, 5],
    }],
    ["a leaving member keeps what it has not given back out of others' hands", [
      member("a", [0, 1, 2], true),
      member("b", [3, 4, 5]),
    ], { a: [], b: [3, 4, 5] }],
    ["what two claim goes to one that has it", [member("a", [0, 1, 2, 3]), member("b", [3, 4, 5])], {
      a: [0, 1, 2],
      b: [3, 4, 5],
    }],
  ];
  for (const [what, members, plan] of rounds) {
    it(what, () => assert.deepEqual(planned(members), plan));
  }

  it("is open as long as somebody holds what another one is to have, and not where nobody wants it", () => {
    const isOpen = (members: JoinedMember[]) => planRound(members, all).isOpen;
    assert.equal(isOpen([member("a", [0, 1, 2, 3, 4, 5]), member("b", [])]), true);
    assert.equal(isOpen([member("a", [0, 1, 2]), member("b", [])]), false);
    assert.equal(isOpen([member("a", [0, 1, 2], true), member("b", [3, 4, 5])]), true);
    assert.equal(isOpen([member("a", [0, 1, 2], true)]), false);
  });

  it("hands nothing to a member that another one holds, and after giving back everything has an owner", () => {
    const holding = fc.array(fc.nat(4), { minLength: 6, maxLength: 6 });
    fc.assert(fc.property(fc.integer({ min: 1, max: 4 }), holding, (count, owners) => {
      const members = Array.from(
        { length: count },
        (_, m) => member(`m${m}`, owners.flatMap((o, p) => o === m ? [p] : [])),
      );
      const first = planned(members);
      for (const { memberId, holds } of members) {
        const others = members.filter((m) => m.memberId !== memberId).flatMap((m) => m.holds);
        const taken = first[memberId]!.filter((p) => !holds.some((tp) => tp.partition === p));
        assert.ok(taken.every((p) => !others.some((tp) => tp.partition === p)));
      }
      const then = planned(members.map((m) => member(m.memberId, first[m.memberId]!)));
      assert.deepEqual(Object.values(then).flat().sort(), [0, 1, 2, 3, 4, 5]);
      const counts = Object.values(then).map((of) => of.length);
      assert.ok(Math.max(...counts) - Math.min(...counts) <= 1);
    }));
  });
});

describe("membership bytes", () => {
  it("come back as they were", () => {
    const self = { ...member("m", [3, 1]), address: "http://127.0.0.1:8081" };
    assert.deepEqual(decodeMember("m", encodeMember(self)), self);
    for (const isOpen of [true, false]) {
      assert.deepEqual(decodeAssigned(encodeAssigned({ partitions: all, isOpen })), {
        partitions: all,
        isOpen,
      });
    }
    assert.deepEqual(decodeAssigned(null), { partitions: [], isOpen: false });
  });
});
