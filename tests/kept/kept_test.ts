/** What earlier code has written loads: snapshots of the same fold version, and logs for ever. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { minuteMs } from "../../src/time.ts";
import { stageContext } from "../../src/node/context.ts";
import {
  aboutOf,
  begin,
  expectedFiles,
  expectedOf,
  foldedToEnd,
  keptConfig,
  keptNames,
  keptOfNow,
  openKept,
} from "./kept.ts";

const now = stageContext(keptConfig).foldVersion;
const names = await keptNames();
const nextGeneration = { ...keptConfig, WAYMARK_GENERATION: 2 };

describe("kept data directories", () => {
  it("there is one of the present fold version", async () => {
    assert.equal((await aboutOf(await keptOfNow())).fold_version, now);
  });
});

for (const name of names) {
  const { fold_version } = await aboutOf(name);
  const isSame = fold_version === now;
  const expected = await expectedOf(name);
  const isExpected = (made: typeof expected) => {
    for (const file of expectedFiles) assert.equal(made[file], expected[file], `${file} of ${name}`);
  };

  describe(`the data directory ${name}`, () => {
    if (isSame) {
      it("goes on from its snapshots, in every partition, and ends as expected", async () => {
        await using opened = await openKept(name);
        const { made, began } = await foldedToEnd(opened, keptConfig);
        assert.deepEqual(began.map((offset) => offset > 0), [true, true, true, true]);
        isExpected(made);
      });
    }

    it("is folded from its log alone to what is expected", async () => {
      await using opened = await openKept(name, { snapshots: false });
      const { made, began } = await foldedToEnd(opened, isSame ? keptConfig : nextGeneration);
      assert.deepEqual(began, [0, 0, 0, 0]);
      isExpected(made);
    });

    it("is refused by another fold version, by name, and folded anew by a generation beside it", async () => {
      await using opened = await openKept(name);
      const other = isSame
        ? { ...keptConfig, WAYMARK_LATENESS_MS: keptConfig.WAYMARK_LATENESS_MS + minuteMs }
        : keptConfig;
      await assert.rejects(begin(opened, other, true, () => {}), {
        code: "fold_version_differs",
        exitCode: 3,
      });
      const { made } = await foldedToEnd(opened, nextGeneration);
      isExpected(made);
    });
  });
}
