import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { WaymarkError } from "../../../src/errors.ts";
import { fingerprint, utf8 } from "../../../src/ids.ts";
import { memoryLog } from "../../../src/log/memory.ts";
import type { Log } from "../../../src/log/port.ts";
import { resumeAt } from "../../../src/sinks/resume.ts";
import { manualClock } from "../../../src/time.ts";

const tp = { topic: "t", partition: 0 };
const third = fingerprint(utf8("record 2"));

/** Five records, of which the log still has those from `start` on. */
async function logFrom(start: number): Promise<Log> {
  const log = memoryLog({ clock: manualClock() });
  await log.ensureTopics([{ topic: "t", partitions: 1, retentionMs: 1e12 }]);
  await log.append(Array.from({ length: 5 }, (_, i) => ({ ...tp, key: null, value: utf8(`record ${i}`) })));
  return { ...log, bounds: async () => [{ start, end: 5 }] };
}

const resume = async (start: number, committed: Parameters<typeof resumeAt>[2]) =>
  await resumeAt(await logFrom(start), tp, committed);

const refuses = (code: string) => (thrown: unknown) => thrown instanceof WaymarkError && thrown.code === code;

describe("resumeAt", () => {
  it("nothing committed: the log's start", async () => {
    assert.deepEqual(await resume(2, null), { offset: 2, end: 5, gap: null });
  });

  it("the record before carries the fingerprint: the committed offset", async () => {
    const resumed = await resume(0, { offset: 3, metadata: third });
    assert.deepEqual(resumed, { offset: 3, end: 5, gap: null });
  });

  it("another record there: log_replaced", async () => {
    await assert.rejects(resume(0, { offset: 4, metadata: third }), refuses("log_replaced"));
  });

  it("beyond the log end: log_behind_snapshot", async () => {
    await assert.rejects(resume(0, { offset: 6, metadata: third }), refuses("log_behind_snapshot"));
  });

  it("below the log start: goes on at the start and names the gap", async () => {
    const resumed = await resume(4, { offset: 1, metadata: third });
    assert.deepEqual(resumed, { offset: 4, end: 5, gap: { from: 1, to: 4 } });
  });

  it("exactly at the log start: the record before cannot be checked and is not asked for", async () => {
    const resumed = await resume(3, { offset: 3, metadata: "not its fingerprint" });
    assert.deepEqual(resumed, { offset: 3, end: 5, gap: null });
  });

  it("trimmed between looking and reading: looks again", async () => {
    const log = await logFrom(0);
    const starts = [0, 4];
    const shrinking: Log = {
      ...log,
      bounds: async () => [{ start: starts.shift()!, end: 5 }],
      read: () => Promise.reject(new WaymarkError("log_trimmed", "gone")),
    };
    const resumed = await resumeAt(shrinking, tp, { offset: 3, metadata: third });
    assert.deepEqual(resumed, { offset: 4, end: 5, gap: { from: 3, to: 4 } });
  });
});
