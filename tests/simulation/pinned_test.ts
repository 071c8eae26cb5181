/** Every planted bug has what catches it, and the seeds that have caught one pass without it. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { bugs } from "./planted/bugs.ts";
import { pinned, root } from "./planted/pinned.ts";
import { outside } from "./seal.ts";
import { runSeed } from "./seed_run.ts";

describe("a planted bug", () => {
  it("has a seed that has caught it, or a suite", () => {
    for (const { name, by } of bugs) {
      assert.ok(by === "simulation" ? pinned.has(name) : existsSync(join(root, by)), `${name}: ${by}`);
    }
    assert.equal(new Set(bugs.map(({ name }) => name)).size, bugs.length);
    const known = new Set(bugs.map(({ name }) => name));
    assert.deepEqual([...pinned.keys()].filter((name) => !known.has(name)), []);
  });
});

describe("a seed that has caught a planted bug", () => {
  const caughtBy = Map.groupBy(pinned, ([, { seed }]) => seed);
  for (const [seed, caught] of [...caughtBy].sort(([a], [b]) => a - b)) {
    const more = caught.length > 1 ? ` and ${caught.length - 1} more` : "";
    it(`${seed} finds nothing without "${caught[0]![0]}"${more}`, async () => {
      assert.deepEqual((await outside(() => runSeed(seed))).complaints, []);
    });
  }
});
