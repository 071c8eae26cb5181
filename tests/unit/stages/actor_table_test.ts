import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { ActorTable } from "../../../src/stages/actor_table.ts";

const minute = 60_000;
type Actor = { dueMs: number };
const newTable = () => new ActorTable<Actor>(({ dueMs }) => dueMs);
const ids = (table: ActorTable<Actor>) => [...table.entries()].map(([id]) => id);

describe("ActorTable", () => {
  it("lets an actor go at the whole minute from its due time on", () => {
    const table = newTable();
    table.add("a", { dueMs: 60.5 * minute });
    table.evictDue(60.9 * minute);
    assert.equal(table.size, 1);
    table.evictDue(61 * minute);
    assert.equal(table.get("a"), undefined);
  });

  it("the one that came first leaves when there are too many", () => {
    const table = newTable();
    for (const id of ["a", "b", "c"]) table.add(id, { dueMs: minute });
    table.evictOldest();
    assert.deepEqual(ids(table), ["b", "c"]);
  });

  it("holds exactly those that are not due yet, in the order they came, whatever became of their due times", () => {
    const touch = fc.record({
      id: fc.constantFrom("a", "b", "c", "d"),
      dueInS: fc.integer({ min: 1, max: 900 }),
    });
    const steps = fc.array(fc.oneof(touch, fc.integer({ min: 1, max: 400 })), { maxLength: 60 });
    fc.assert(fc.property(steps, fc.nat(60), (all, restart) => {
      let table = newTable();
      const expected = new Map<string, Actor>();
      let nowS = 0;
      all.forEach((step, i) => {
        if (i === restart) {
          const entries = [...table.entries()];
          table = newTable();
          for (const [id, actor] of entries) table.add(id, actor);
        }
        if (typeof step === "number") {
          nowS += step;
          table.evictDue(nowS * 1_000);
          for (const [id, { dueMs }] of expected) {
            if (Math.ceil(dueMs / minute) * 60 <= nowS) expected.delete(id);
          }
        } else {
          const dueMs = (nowS + step.dueInS) * 1_000;
          const known = table.get(step.id);
          if (known === undefined) {
            const actor = { dueMs };
            table.add(step.id, actor);
            expected.set(step.id, actor);
          } else {
            known.dueMs = dueMs;
            table.hasten(step.id);
          }
        }
        assert.deepEqual([...table.entries()], [...expected]);
      });
    }));
  });
});
