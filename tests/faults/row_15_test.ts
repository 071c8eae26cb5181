/** Rows 14 and 15: a handler that throws costs its record; one that throws on every record stops its partition. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Fold, LogRecord, Outbox, Stage } from "../../src/fold.ts";
import { fromUtf8, utf8 } from "../../src/ids.ts";
import { limits } from "../../src/limits.ts";
import { memoryLog } from "../../src/log/memory.ts";
import { topicSpecs } from "../../src/log/topics.ts";
import { createAlignment } from "../../src/runtime/alignment.ts";
import { startHost } from "../../src/runtime/host.ts";
import { createPublisher } from "../../src/runtime/publisher.ts";
import { memorySnapshots } from "../../src/snapshots/memory.ts";
import { Intake } from "../../src/stages/intake.ts";
import { context } from "../pipeline/folds.ts";
import { publishedOn, recordsOf } from "../pipeline/published.ts";
import { leapClock, startMs, type Stopped } from "./live.ts";

const naming = { prefix: "", generation: 1 };

/** A stage whose handler counts every record, except that it throws on those whose value begins with `bad`. */
function touchy(): Stage {
  return {
    ...{ name: "rides", source: "ride-events", declaresIdle: false, flushPhase: 0, warmUpMs: 0 },
    create(partition): Fold {
      const intake = new Intake(context, "ride-events", partition);
      return {
        fold(record: LogRecord, out: Outbox) {
          intake.read(null);
          if (!fromUtf8(record.value).startsWith("bad")) intake.counted();
          else intake.handlerThrew(record, new TypeError("undefined is not a ride"), out);
          intake.check();
        },
        flush: () => true,
        markAll() {},
        *entries() {
          yield ["head", intake.ledger, intake.failures];
        },
        restore([, ledger, failures]) {
          intake.ledger = ledger as Intake["ledger"];
          intake.failures = failures as number;
        },
        since() {},
        status: () => ({ watermarkMs: null, actors: {} }),
      };
    },
  };
}

async function fed(values: string[]) {
  const clock = leapClock(startMs);
  const log = memoryLog({ clock });
  await log.ensureTopics(topicSpecs(naming, 2 ** 30));
  const stopped: Stopped[] = [];
  const store = memorySnapshots();
  const start = () =>
    startHost({
      ...{ stage: touchy(), log, store, clock, naming, group: "waymark", partitions: 12 },
      ...{ flushMs: 10, snapshotMs: 100, idleMs: 1_000, alignment: createAlignment(Infinity) },
      publisher: createPublisher({ log, clock, naming, partitionOf: context.partitionOf }),
      identity: { foldVersion: "any", generation: 1, logEpoch: 0 },
      inputComplete: () => false,
      onStopped: (tp, error) => void stopped.push({ tp, error }),
    });
  const host = await start();
  const append = (partition: number, value: string) =>
    log.append([{ topic: "ride-events", partition, key: null, value: utf8(value) }]);
  for (const value of values) {
    await append(2, value);
    await append(3, "good");
    await clock.leap(20);
  }
  for (let n = 0; n < 10; n++) await clock.leap(20);
  const dead = recordsOf(await publishedOn(log, "dead-letters", naming));
  return { host, start, log, clock, stopped, dead };
}

describe("row 15: a handler with a bug", () => {
  it("costs the records it throws on, with the reason, and the partition moves on", async () => {
    const { host, stopped, dead } = await fed(["good", "bad 1", "good", "bad 2", "bad 3", "good"]);
    assert.deepEqual(stopped, []);
    assert.deepEqual(dead.map((d) => [d.source, d.reason, fromUtf8(d.value)]), [
      ["ride-events/2/1", "handler_failed", "bad 1"],
      ["ride-events/2/3", "handler_failed", "bad 2"],
      ["ride-events/2/4", "handler_failed", "bad 3"],
    ]);
    assert.equal(dead[0]!.headers.message, "undefined is not a ride");
    assert.equal(host.actors.get(2)?.nextOffset, 6);
  });

  it("on every record stops its partition instead of flooding the dead letters; the others go on", async () => {
    const values = Array.from({ length: 50 }, (_, n) => `bad ${n}`);
    const { host, stopped, dead } = await fed(values);
    assert.equal(stopped.length, 1);
    assert.equal((stopped[0]!.error as { code: string }).code, "handler_failing");
    assert.equal(host.stopped.get(2)?.code, "handler_failing");
    assert.ok(dead.length < limits.handlerFailuresMax, `${dead.length} dead letters`);
    assert.equal(host.actors.get(3)?.nextOffset, 50);
  });

  it("does so again after a restart: what was tried in a row is part of the snapshot", async () => {
    const { host, start, log, clock, stopped, dead } = await fed(Array.from({ length: 50 }, () => "bad"));
    host.abandon();
    log.expel(host.memberId);
    const again = await start();
    for (let n = 0; n < 10; n++) await clock.leap(20);
    assert.equal(again.stopped.get(2)?.code, "handler_failing");
    assert.equal(stopped.length, 2);
    assert.ok(dead.length < limits.handlerFailuresMax);
    assert.equal(recordsOf(await publishedOn(log, "dead-letters", naming)).length, dead.length);
  });
});
