/** The feed's commits: one that was not answered may still arrive, and must not have the last word. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { WaymarkError } from "../../../src/errors.ts";
import { limits } from "../../../src/limits.ts";
import type { Commit } from "../../../src/log/port.ts";
import type { Analytics } from "../../../src/sinks/analytics.ts";
import { sinkTables } from "../../../src/sinks/rows.ts";
import { type Chunk, type PartitionProgress, tableFeed } from "../../../src/sinks/table_feed.ts";
import { manualClock, settle } from "../../../src/time.ts";

const insertMs = 5_000;

const partitionOf = (): PartitionProgress => ({
  tp: { topic: "late-events", partition: 1 },
  owned: true,
  taken: 0,
  next: 0,
  committed: 0,
  end: 0,
  heldBackFromMs: null,
  rowsInserted: 0,
  recordsSkipped: 0,
  rowsPoisoned: 0,
  gap: null,
});

const chunkOf = (partition: PartitionProgress, first: number, next: number, arrivedMs: number): Chunk => ({
  partition,
  lines: ["[]"],
  offsets: [first],
  bytes: 2,
  first,
  next: { offset: next, metadata: `fingerprint of ${next - 1}` },
  arrivedMs,
  logTimeMs: 0,
});

/** A table that takes everything, and a group whose first commit is answered by nobody. */
function feedWhoseFirstCommitIsUnclear() {
  const clock = manualClock();
  const asked: Commit[] = [];
  const analytics: Pick<Analytics, "insert"> = { insert: () => Promise.resolve({ taken: true }) };
  const feed = tableFeed({
    table: sinkTables[0]!,
    logEpoch: 0,
    analytics: analytics as Analytics,
    clock,
    rowsMax: 100,
    bytesMax: 1_000_000,
    ageMs: insertMs,
    commit(commits) {
      asked.push(...commits);
      return asked.length > 1
        ? Promise.resolve()
        : Promise.reject(new WaymarkError("log_unavailable", "cannot commit: no answer in time"));
    },
    poisoned: () => Promise.resolve(),
    drained() {},
  });
  return { clock, feed, asked, offsets: () => asked.map(({ offset }) => offset) };
}

describe("a commit of the sink that was not answered", () => {
  it("is followed by the newest offsets once more, when it can have arrived", async () => {
    const { clock, feed, asked, offsets } = feedWhoseFirstCommitIsUnclear();
    const partition = partitionOf();
    feed.add(chunkOf(partition, 0, 115, 0));
    await settle();
    await clock.advance(insertMs);
    await clock.advance(1_000);
    assert.deepEqual(offsets(), [115, 115]);

    feed.add(chunkOf(partition, 115, 138, clock.monotonicMs()));
    await clock.advance(insertMs);
    assert.deepEqual(offsets(), [115, 115, 138]);
    await clock.advance(limits.commitAgainMs);
    assert.deepEqual(offsets(), [115, 115, 138, 138]);
    assert.equal(asked.at(-1)?.metadata, "fingerprint of 137");

    await clock.advance(10 * limits.commitAgainMs);
    assert.equal(asked.length, 4, "once is enough");
    await feed.stop();
  });

  it("is not followed by offsets of a partition that somebody else has by then", async () => {
    const { clock, feed, offsets } = feedWhoseFirstCommitIsUnclear();
    const partition = partitionOf();
    feed.add(chunkOf(partition, 0, 115, 0));
    await settle();
    await clock.advance(insertMs);
    await clock.advance(1_000);
    partition.owned = false;
    feed.drop(partition);
    await clock.advance(10 * limits.commitAgainMs);
    assert.deepEqual(offsets(), [115, 115]);
    await feed.stop();
  });
});
