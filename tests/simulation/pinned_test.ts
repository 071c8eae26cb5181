/** Planted bugs are where they were, and the seeds that have caught them pass without them. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { changed } from "./planted/bug.ts";
import { bugs } from "./planted/bugs.ts";
import { pinned, root } from "./planted/pinned.ts";
import { outside } from "./seal.ts";
import { runSeed } from "./seed_run.ts";

const text = (file: string) => readFile(join(root, file), "utf8");

describe("a planted bug", () => {
  it("can be planted: each of its texts stands exactly once", async () => {
    for (const bug of bugs) await changed(bug, text);
  });

  it("that can no longer be planted is told of", async () => {
    const gone = { file: "deno.json", find: "no such text", put: "" };
    await assert.rejects(
      changed({ name: "x", by: "simulation", changes: [gone] }, text),
      /0 times, wanted once/,
    );
  });

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
