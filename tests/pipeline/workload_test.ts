/** The benchmarks' workload through the real pipeline: its windows are those of the benchmarks' own recount. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { newVerdict, type Published } from "../../bench/peers/results.ts";
import { workload } from "../../bench/workload.ts";
import { newRecount } from "../../bench/workload_recount.ts";
import { fromUtf8 } from "../../src/ids.ts";
import type { SentItem } from "../../src/traffic/item.ts";
import { context } from "./folds.ts";
import { outcome } from "./harness.ts";

describe("the canonical workload", () => {
  it("comes to the windows that its recount has", async () => {
    const recount = newRecount();
    const items: SentItem[] = [];
    const made = workload({
      events: 4_000,
      partitions: context.partitions["ride-events"],
      partitionOf: (key) => context.partitionOf("ride-events", key),
    });
    for (const event of made) {
      recount.add(event);
      items.push({
        topic: "ride-events",
        key: fromUtf8(event.key),
        value: event.value,
        recordedAtMs: event.logMs,
      });
    }
    const run = await outcome(items);
    const verdict = newVerdict(recount.windows());
    for (const window of run.windows) verdict.add(window as unknown as Published);
    const { example, missing, wrong, unexpected } = verdict.verdict();
    assert.deepEqual({ example, missing, wrong, unexpected }, {
      ...{ example: null, missing: 0, wrong: 0, unexpected: 0 },
    });
    assert.equal(run.ledger.partitions.reduce((sum, { counted }) => sum + counted, 0), items.length);
  });
});
