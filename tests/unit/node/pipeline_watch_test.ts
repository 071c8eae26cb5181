import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AlertTransition } from "../../../schemas/alert.ts";
import type { NewRecord } from "../../../src/log/port.ts";
import { watchPipeline } from "../../../src/node/pipeline_watch.ts";
import { createSignals } from "../../../src/telemetry/signals.ts";
import { manualClock, minuteMs, secondMs } from "../../../src/time.ts";
import { createTwin, naming, partitionView } from "../http/twin.ts";
import { stageContext } from "../stages/stage_context.ts";

/** A watch over the doors' twin; what it says goes into the twin's log, as it would into a real one. */
async function watched() {
  const clock = manualClock();
  const twin = await createTwin(clock);
  const said: AlertTransition[] = [];
  const stopping = new AbortController();
  const watching = () =>
    watchPipeline({
      log: {
        async append(records: NewRecord[]) {
          for (const { value } of records) {
            const transition = JSON.parse(new TextDecoder().decode(value)) as AlertTransition;
            said.push(transition);
            await twin.publishAlert(transition);
          }
        },
      },
      context: stageContext(),
      naming,
      handles: twin.handles,
      clock,
      signals: createSignals(clock, "text", (line) => assert.fail(line)),
      signal: stopping.signal,
    });
  let running = watching();
  return {
    twin,
    clock,
    said: () => said.map((a) => [a.rule, a.city, a.state, a.summary]),
    transitions: said,
    async minutes(n: number) {
      for (let i = 0; i < n * 6; i++) await clock.advance(10 * secondMs);
    },
    /** Another process begins to watch, knowing nothing but the log. */
    restart() {
      running = watching();
    },
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await clock.advance(minuteMs);
      await running;
      await twin.board.stop();
    },
  };
}

describe("watchPipeline", () => {
  it("a lag above a minute fires after two, names the worst partition, and resolves below half a minute", async () => {
    await using watch = await watched();
    const lagging = (lag_seconds: number) => [
      partitionView("ride-events", 0, { lag_seconds: 3 }),
      partitionView("ride-events", 1, { lag_seconds }),
    ];
    watch.twin.state.partitions = lagging(90);
    await watch.minutes(2);
    assert.deepEqual(watch.said(), []);
    await watch.minutes(1);
    assert.deepEqual(watch.said(), [
      ["partition_lag", "ride-events", "firing", "ride-events: ride-events/1 is 90 s behind, firing"],
    ]);
    watch.twin.state.partitions = lagging(45);
    await watch.minutes(5);
    assert.equal(watch.said().length, 1, "between the two limits nothing changes");
    watch.twin.state.partitions = lagging(20);
    await watch.minutes(3);
    assert.deepEqual(watch.said().slice(1).map(([, , state]) => state), ["resolved"]);
    const [fired, resolved] = watch.transitions;
    assert.equal(fired!.alert_id, resolved!.alert_id);
    assert.deepEqual([fired!.owner, fired!.dedup_key], ["pipeline", "waymark:partition_lag:ride-events"]);
  });

  it("a stopped partition fires at once, and whoever watches next resolves it", async () => {
    await using watch = await watched();
    const error = { code: "handler_failing", message: "ten in a row" };
    watch.twin.state.partitions = [
      partitionView("ride-events", 0),
      partitionView("ride-events", 1, { state: "stopped", error }),
    ];
    await watch.minutes(1);
    assert.deepEqual(watch.said(), [
      [
        "partition_stopped",
        "ride-events",
        "firing",
        "ride-events: ride-events/1 stopped: handler_failing, firing",
      ],
    ]);
    watch.restart();
    await watch.minutes(2);
    assert.equal(watch.said().length, 1, "it is open in the log already");
    watch.twin.state.partitions = [partitionView("ride-events", 0), partitionView("ride-events", 1)];
    await watch.minutes(2);
    assert.deepEqual(watch.said().slice(1).map(([rule, , state]) => [rule, state]), [[
      "partition_stopped",
      "resolved",
    ]]);
  });

  it("an old snapshot counts only where records were folded since", async () => {
    await using watch = await watched();
    const aged = { snapshot_age_seconds: 900, position: 10 };
    watch.twin.state.partitions = [partitionView("ride-events", 0, { ...aged, snapshot_offset: 10 })];
    await watch.minutes(3);
    assert.deepEqual(watch.said(), []);
    watch.twin.state.partitions = [partitionView("ride-events", 0, { ...aged, snapshot_offset: 9 })];
    await watch.minutes(2);
    assert.deepEqual(watch.said().map(([rule, , state]) => [rule, state]), [["snapshot_old", "firing"]]);
  });

  it("6 % dead letters of five minutes fire, 4 % do not, and neither does a handful of records", async () => {
    for (const [dead, read, expected] of [[6, 100, 1], [4, 100, 0], [3, 5, 0]] as const) {
      await using watch = await watched();
      for (let i = 1; i <= 12; i++) {
        watch.twin.state.ledger = [{ topic: "ride-events", read: i * read, dead_lettered: i * dead }];
        await watch.clock.advance(10 * secondMs);
      }
      assert.equal(
        watch.said().filter(([rule]) => rule === "dead_letters_high").length,
        expected,
        `${dead}/${read}`,
      );
    }
  });

  it("rows that wait for ClickHouse fire as its own, and only where it is used", async () => {
    await using watch = await watched();
    watch.twin.state.sink = { ...watch.twin.state.sink, oldest_seconds: 70, error: "connection refused" };
    await watch.minutes(2);
    assert.deepEqual(watch.said(), [
      ["sink_stalled", "clickhouse", "firing", "clickhouse: rows wait for 70 s: connection refused, firing"],
    ]);
  });

  it("a process that does not run partition 0 says nothing", async () => {
    await using watch = await watched();
    watch.twin.state.partitions = [partitionView("ride-events", 1, { lag_seconds: 900 })];
    await watch.minutes(5);
    assert.deepEqual(watch.said(), []);
  });
});
