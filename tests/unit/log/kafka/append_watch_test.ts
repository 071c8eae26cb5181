/** Waking those who wait for appends, by what reads, own appends and looks at the log ends have seen. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { appendWatch } from "../../../../src/log/kafka/append_watch.ts";
import { manualClock } from "../../../../src/time.ts";

const pollMs = 100;
const tp = { topic: "t", partition: 0 };

/** One partition, whose log end is what was set last. */
function watched({ end }: { end: number }) {
  const clock = manualClock();
  const log = { end };
  const watch = appendWatch({
    clock,
    pollMs,
    ends: (topics) => Promise.resolve(new Map(topics.map((topic) => [topic, [log.end]]))),
  });
  let wakings = 0;
  const wait = () => void watch.wait(tp.topic).then(() => wakings++);
  return { clock, log, watch, wait, wakings: () => wakings };
}

describe("who waits for appends", () => {
  it("is woken by a look that finds more than anybody has seen, and knows how far to read", async () => {
    const { clock, log, watch, wait, wakings } = watched({ end: 5 });
    wait();
    await clock.advance(3 * pollMs);
    assert.deepEqual([wakings(), watch.endSeen(tp)], [0, 5]);
    log.end = 7;
    await clock.advance(pollMs);
    assert.deepEqual([wakings(), watch.endSeen(tp)], [1, 7]);
  });

  it("is woken by an append that came between its last read and its waiting", async () => {
    const { clock, watch, wait, wakings } = watched({ end: 6 });
    watch.saw(tp, 5);
    wait();
    await clock.advance(pollMs);
    assert.equal(wakings(), 1);
  });

  it("is not woken by a look that was answered before an append it has read", async () => {
    const { clock, watch, wait, wakings } = watched({ end: 5 });
    watch.saw(tp, 6);
    wait();
    await clock.advance(3 * pollMs);
    assert.deepEqual([wakings(), watch.endSeen(tp)], [0, 6]);
  });

  it("is woken when the topic was made anew, and then by each append to it", async () => {
    const { clock, log, watch, wait, wakings } = watched({ end: 5 });
    wait();
    await clock.advance(pollMs);
    log.end = 1;
    await clock.advance(pollMs);
    assert.deepEqual([wakings(), watch.endSeen(tp)], [1, 1]);
    wait();
    await clock.advance(pollMs);
    log.end = 2;
    await clock.advance(pollMs);
    assert.deepEqual([wakings(), watch.endSeen(tp)], [2, 2]);
  });

  it("asks once for all topics that are waited for, and for no others", async () => {
    const clock = manualClock();
    const asked: string[][] = [];
    const ends = (topics: readonly string[]) => {
      asked.push([...topics]);
      return Promise.resolve(new Map(topics.map((topic) => [topic, [5]])));
    };
    const watch = appendWatch({ clock, pollMs, ends });
    const stop = new AbortController();
    const waits = [watch.wait("a"), watch.wait("b", stop.signal), watch.wait("c")];
    // The first of them is looked at already when the others come.
    await clock.advance(0);
    await clock.advance(pollMs);
    assert.deepEqual(asked, [["a"], ["a", "b", "c"]]);
    stop.abort();
    watch.wake("c");
    waits.push(watch.wait("a"));
    await clock.advance(2 * pollMs);
    assert.deepEqual(asked.at(-1), ["a"]);
    watch.wake("a");
    await Promise.all(waits);
    const questions = asked.length;
    await clock.advance(5 * pollMs);
    assert.ok(asked.length <= questions + 1, "nobody waits any more");
  });

  it("knows of no end before anybody has seen one", () => {
    const { watch } = watched({ end: 5 });
    assert.equal(watch.endSeen(tp), undefined);
  });
});
