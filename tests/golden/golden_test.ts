/** Every golden case three ways: straight, crashed and restored at several points, rescaled. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Crash, RunOptions } from "../pipeline/harness.ts";
import {
  caseNames,
  currentVersions,
  expectedFiles,
  expectedOf,
  inputOf,
  madeOf,
  recordedVersions,
} from "./golden.ts";

const how = "deno run -A tests/golden/golden.ts --update";

describe("golden expectations", () => {
  it("were made with the present fold versions", async () => {
    assert.equal(
      await recordedVersions(),
      currentVersions(),
      `foldVersions were raised; look at the changes of: ${how}`,
    );
  });
});

for (const name of await caseNames()) {
  const items = await inputOf(name);
  const at = (share: number) => Math.ceil(items.length * share);
  const crashes: Crash[] = [
    { items: at(0.25), when: "snapshotted" },
    { items: at(0.5), when: "at_once" },
    { items: at(0.5), when: "folding", wipe: true },
    { items: at(0.8), when: "snapshotted" },
  ];
  const ways: [string, RunOptions][] = [
    ["straight", {}],
    ["crashed and restored", { crashes }],
    ["with three owners", { owners: 3, crashes: crashes.slice(0, 1) }],
    ["with twelve owners", { owners: 12 }],
  ];
  describe(`golden case ${name}`, () => {
    for (const [way, options] of ways) {
      it(`comes out as expected ${way}`, async () => {
        const [expected, made] = [await expectedOf(name), await madeOf(items, options)];
        assert.ok(expected !== null, `${name} has no expectations; see ${how}`);
        for (const file of expectedFiles) {
          assert.equal(
            made[file],
            expected[file],
            `${file} of ${name} changed, the fold versions did not; see ${how}`,
          );
        }
      });
    }
  });
}
