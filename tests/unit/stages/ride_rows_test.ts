import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { newRide } from "../../../actors/ride.ts";
import { utf8 } from "../../../src/ids.ts";
import { noRow } from "../../../src/stages/ride_rows.ts";
import { RowIndex } from "../../../src/stages/row_index.ts";
import { TextArena } from "../../../src/stages/text_arena.ts";
import { WordTable } from "../../../src/stages/word_table.ts";
import { minuteMs as minute } from "../../../src/time.ts";
import { memories, newRows, put, someMemory, someRide } from "./some_rides.ts";

describe("RideRows", () => {
  it("gives back every ride as it was written, in the order they came", () => {
    const some = fc.uniqueArray(someMemory, { selector: ({ ride }) => ride.id, maxLength: 20 });
    fc.assert(fc.property(some, (all) => {
      const rows = newRows();
      for (const memory of all) put(rows, memory);
      assert.deepEqual(memories(rows), all);
      assert.equal(rows.findId("no such ride, and longer than forty characters"), noRow);
    }));
  });

  it("finds a ride by no other text than its id, however long or foreign that is", () => {
    const rows = newRows();
    const longest = "🚗".repeat(128);
    put(rows, { ride: newRide(longest), seen: [], refused: null });
    put(rows, { ride: newRide("r"), seen: [], refused: null });
    assert.equal(rows.ride(rows.findId(longest)).id, longest);
    for (const other of [longest + "x", longest.slice(2), "ü".repeat(256), "r".repeat(10_000), "", "R"]) {
      assert.equal(rows.findId(other), noRow, other);
    }
  });

  it("write() replaces all of a ride, texts of any length included", () => {
    fc.assert(fc.property(someRide, someRide, (before, after) => {
      const rows = newRows();
      put(rows, { ride: before, seen: [], refused: null });
      const row = rows.findId(before.id);
      rows.write(row, { ...after, id: before.id });
      assert.deepEqual(rows.ride(row), { ...after, id: before.id });
    }));
  });

  it("holds what a map would, through thousands that come, leave and come again", () => {
    const rows = newRows();
    const expected = new Map<string, number>();
    let random = 1;
    const draw = (below: number) => (random = (Math.imul(random, 1_103_515_245) + 12_345) >>> 0) % below;
    for (let step = 0; step < 20_000; step++) {
      const id = `ride-${draw(3_000)}`;
      const row = rows.findId(id);
      assert.equal(row !== noRow, expected.has(id));
      if (row === noRow) {
        const latestMs = (step + draw(40)) * minute;
        const ride = { ...newRide(id), city: `city-${draw(5_000)}`, latestMs, endedMs: latestMs };
        put(rows, { ride, seen: [step, 1, 2, 3, 4, 5], refused: null });
        expected.set(id, latestMs);
      } else assert.equal(rows.memory(row).ride.latestMs, expected.get(id));
      if (draw(50) === 0) {
        const nowMs = step * minute;
        rows.evictDue(nowMs);
        for (const [id, latestMs] of expected) if (latestMs + 10 * minute <= nowMs) expected.delete(id);
      }
      if (draw(100) === 0 && expected.size > 0) {
        rows.evictOldest();
        expected.delete(expected.keys().next().value!);
      }
      assert.equal(rows.size, expected.size);
    }
    assert.deepEqual(memories(rows).map(({ ride }) => ride.id), [...expected.keys()]);
    assert.deepEqual([...rows.rows()].map((row) => rows.ride(row).id).sort(), [...expected.keys()].sort());
  });

  it("a walk goes on over rides that leave and come meanwhile", () => {
    const rows = newRows();
    const add = (id: string) =>
      put(rows, { ride: { ...newRide(id), latestMs: minute }, seen: [], refused: null });
    for (const id of ["a", "b", "c", "d"]) add(id);
    const walked: string[] = [];
    for (const row of rows.rows()) {
      const ride = rows.ride(row);
      walked.push(ride.id);
      if (ride.id === "a") {
        rows.evictOldest();
        rows.evictOldest();
        add("e");
      }
    }
    assert.deepEqual(walked.filter((id) => id !== "e"), ["a", "c", "d"]);
  });
});

describe("RowIndex", () => {
  it("finds what was added and not removed, however hashes meet", () => {
    const step = fc.tuple(fc.constantFrom(0, 1, 7, 1_023, 1_024, -1), fc.nat(30), fc.boolean());
    fc.assert(fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const index = new RowIndex();
      const held = new Map<number, number>();
      for (const [hash, row, adds] of steps) {
        if (adds && !held.has(row)) {
          index.add(hash, row);
          held.set(row, hash);
        } else if (!adds && held.has(row)) {
          index.remove(held.get(row)!, row);
          held.delete(row);
        }
        assert.equal(index.size, held.size);
        for (const [row, hash] of held) assert.equal(index.find(hash, (found) => found === row), row);
        assert.equal(index.find(hash, () => false), -1);
      }
    }));
  });
});

describe("TextArena", () => {
  it("gives back every text that was put and not freed, across blocks", () => {
    const arena = new TextArena();
    const held = new Map<number, string>();
    for (let i = 0; i < 60_000; i++) {
      const text = `${i}-`.repeat(1 + i % 21) + (i % 7 === 0 ? "ü" : "");
      const bytes = utf8(text);
      const ref = arena.put(bytes, 0, bytes.length);
      assert.ok(ref > 0 && !held.has(ref));
      held.set(ref, text);
      if (i % 3 === 0) {
        const [oldest] = held.keys();
        arena.free(oldest!);
        held.delete(oldest!);
      }
    }
    for (const [ref, text] of held) {
      assert.equal(arena.text(ref), text);
      const bytes = utf8(`x${text}x`);
      assert.ok(arena.equals(ref, bytes, 1, bytes.length - 1));
      assert.ok(!arena.equals(ref, bytes, 0, bytes.length - 2));
    }
    assert.equal(arena.text(0), null);
  });
});

describe("WordTable", () => {
  it("keeps the words that are used, and their indexes, when it is swept", () => {
    const words = new WordTable();
    const indexes = Array.from({ length: 1_024 }, (_, i) => words.index(`word-${i}`));
    assert.ok(words.isFull);
    words.sweep(new Set(indexes.filter((_, i) => i % 2 === 0)));
    assert.ok(!words.isFull);
    indexes.forEach((index, i) => assert.equal(words.word(index), i % 2 === 0 ? `word-${i}` : null));
    const again = words.index("word-1");
    assert.equal(words.word(again), "word-1");
    assert.equal(words.index("word-2"), indexes[2]);
    assert.equal(words.index(null), 0);
  });
});
