/** A partition that is lost while it is being given back, and comes back before that has ended, is another one. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { utf8 } from "../../../src/ids.ts";
import { memoryLog } from "../../../src/log/memory.ts";
import type { GroupHandlers, Log, LogRecord } from "../../../src/log/port.ts";
import { topicSpecs } from "../../../src/log/topics.ts";
import { createAlignment } from "../../../src/runtime/alignment.ts";
import { startHost } from "../../../src/runtime/host.ts";
import { createPublisher } from "../../../src/runtime/publisher.ts";
import type { Analytics } from "../../../src/sinks/analytics.ts";
import { startSink } from "../../../src/sinks/clickhouse.ts";
import { memorySnapshots } from "../../../src/snapshots/memory.ts";
import { ridesStage } from "../../../src/stages/rides.ts";
import { minuteMs, settle } from "../../../src/time.ts";
import { leapClock, startMs } from "../../faults/live.ts";
import { context } from "../../pipeline/folds.ts";

const naming = { prefix: "", generation: 1 };
const tp = { topic: "ride-events", partition: 2 };

/** A log with three records, and a group whose only member is told of its partition by the test. */
async function logByHand() {
  const clock = leapClock(startMs);
  const memory = memoryLog({ clock });
  await memory.ensureTopics(topicSpecs(naming, 2 ** 30));
  const value = (n: number) =>
    utf8(JSON.stringify({
      ...{ event_type: "requested", ride_id: `ride-${n}`, timestamp: new Date(startMs).toISOString() },
      ...{ user_id: "user-1", city: "graz" },
    }));
  await memory.append([0, 1, 2].map((n) => ({ ...tp, key: null, value: value(n) })));
  const group = Promise.withResolvers<GroupHandlers>();
  const committed: number[] = [];
  const log: Log = {
    ...memory,
    async join({ handlers }) {
      group.resolve(handlers);
      return {
        memberId: "by-hand",
        hasJoined: () => true,
        assignment: () => [tp],
        commit: async (commits) => void committed.push(...commits.map(({ offset }) => offset)),
        pause() {},
        resume() {},
        async leave() {},
      };
    },
  };
  const records = async (from: number, until: number): Promise<LogRecord[]> =>
    (await memory.read(tp, from, until - from)).slice(0, until - from);
  return { clock, log, handlers: group.promise, committed, records };
}

describe("a partition that comes back while it was being given back", () => {
  it("is folded on by its new owner, not let go of by the one before", async () => {
    const { clock, log, handlers: given, records } = await logByHand();
    const store = memorySnapshots();
    const [begun, stored] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const host = await startHost({
      ...{ stage: ridesStage(context), log, clock, naming, group: "waymark", partitions: 12 },
      store: {
        ...store,
        async putManifest(key, manifest) {
          begun.resolve();
          await stored.promise;
          return await store.putManifest(key, manifest);
        },
      },
      ...{ flushMs: minuteMs, snapshotMs: minuteMs, idleMs: minuteMs, alignment: createAlignment(Infinity) },
      publisher: createPublisher({ log, clock, naming, partitionOf: context.partitionOf }),
      identity: { foldVersion: "any", generation: 1, logEpoch: 0 },
      inputComplete: () => false,
      onStopped: (_, error) => assert.fail(String(error)),
    });
    const handlers = await given;
    await handlers.assigned(tp);
    await handlers.batch(tp, await records(0, 1), 3);
    const givenBack = handlers.revoked(tp);
    await begun.promise;
    handlers.lost(tp);
    assert.equal(await handlers.assigned(tp), 0);
    stored.resolve();
    await Promise.resolve(givenBack).catch(() => {});
    await handlers.batch(tp, await records(0, 3), 3);
    assert.equal(host.actors.get(2)?.nextOffset, 3);
    host.abandon();
  });

  it("is copied on into ClickHouse, not let go of by what was being inserted", async () => {
    const { clock, log, handlers: given, committed, records } = await logByHand();
    const [begun, answered] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const inserted: string[] = [];
    const analytics = {
      async insert(_: unknown, lines: readonly string[]) {
        begun.resolve();
        await answered.promise;
        inserted.push(...lines);
        return { taken: true };
      },
    } as unknown as Analytics;
    const sink = await startSink({
      ...{ log, analytics, clock, group: "waymark", naming, logEpoch: 0, insertMs: 100 },
      poisoned: (row) => assert.fail(row.message),
      failed: (_, error) => assert.fail(String(error)),
    });
    const handlers = await given;
    await handlers.assigned(tp);
    await handlers.batch(tp, await records(0, 1), 3);
    const givenBack = handlers.revoked(tp);
    await begun.promise;
    handlers.lost(tp);
    assert.equal(await handlers.assigned(tp), 0);
    answered.resolve();
    await givenBack;
    await handlers.batch(tp, await records(0, 3), 3);
    for (let n = 0; n < 5; n++) await clock.leap(100);
    await settle();
    assert.deepEqual(committed.slice(-1), [3]);
    assert.equal(inserted.length, 4);
    await sink.stop();
  });
});
