import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { FoldEntry } from "../../../src/fold.ts";
import { limits } from "../../../src/limits.ts";
import { packEntries, unpackEntries } from "../../../src/runtime/segments.ts";

const entries: FoldEntry[] = Array.from(
  { length: 4_000 },
  (_, i) => ["ride", `ride-${i}`, "é".repeat(i % 900)],
);

describe("packEntries", () => {
  it("gives every entry back, in order, from segments of at most limits.segmentBytesMax characters", () => {
    const segments = [...packEntries(entries)].filter((bytes) => bytes !== null);
    const unpacked = segments.map(unpackEntries);
    assert.deepEqual(unpacked.flat(), entries);
    assert.ok(segments.length > 2);
    for (const of of unpacked) {
      assert.ok(of.map((entry) => JSON.stringify(entry)).join("\n").length <= limits.segmentBytesMax);
    }
  });

  it("lets others have a turn before each segment, and after every 128 K characters that are put together", () => {
    let chars = 0;
    function* counted() {
      for (const entry of entries) {
        chars += JSON.stringify(entry).length + 1;
        yield entry;
      }
    }
    const longest = Math.max(...entries.map((entry) => JSON.stringify(entry).length));
    let before: Uint8Array | null = new Uint8Array(0);
    for (const bytes of packEntries(counted())) {
      assert.ok(chars <= 128 * 1024 + longest + 1, `${chars} characters in one go`);
      if (bytes !== null) assert.equal(before, null);
      before = bytes;
      chars = 0;
    }
  });

  it("of nothing is nothing", () => assert.deepEqual([...packEntries([])], []));
});
