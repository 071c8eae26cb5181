import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { cities, workload, type WorkloadEvent, workloadStartMs } from "../../../bench/workload.ts";
import { keyOf, newRecount } from "../../../bench/workload_recount.ts";
import { readConfig } from "../../../src/config.ts";
import { fromUtf8 } from "../../../src/ids.ts";
import { stageContext } from "../../../src/node/context.ts";
import { minuteMs, secondMs } from "../../../src/time.ts";

const { partitionOf, partitions } = stageContext(readConfig({}));
const made = (events: number) => [
  ...workload({
    events,
    partitions: partitions["ride-events"],
    partitionOf: (key) => partitionOf("ride-events", key),
  }),
];

describe("workload()", () => {
  const all = made(60_000);
  const events = all.slice(0, -12);

  it("is the same every time, and a shorter one is its beginning", () => {
    const text = (some: WorkloadEvent[]) => some.map(({ value }) => fromUtf8(value));
    assert.deepEqual(text(made(500).slice(0, 500)), text(events.slice(0, 500)));
  });

  it("has what the comparison is described with: 298 bytes, a thousand a second, 22 % in the largest city", () => {
    const bytes = events.reduce((sum, { value }) => sum + value.length, 0) / events.length;
    assert.ok(Math.abs(bytes - 298) < 3, `${bytes} bytes`);
    const seconds = (events.at(-1)!.logMs - workloadStartMs) / secondMs;
    assert.ok(Math.abs(events.length / seconds - 1_000) < 20, `${seconds} s`);
    const largest = events.filter(({ city }) => city === 0).length / events.length;
    assert.ok(Math.abs(largest - 0.22) < 0.01, `${largest}`);
  });

  it("has every kind of event from the beginning, none twice, and is at most three seconds out of order", () => {
    assert.equal(new Set(events.slice(0, 1_000).map(({ type }) => type)).size, 5);
    const ids = new Set(
      events.map(({ value }) => (JSON.parse(fromUtf8(value)) as { event_id: string }).event_id),
    );
    assert.equal(ids.size, events.length);
    let newestMs = 0;
    for (const { timeMs } of events) {
      assert.ok(timeMs > newestMs - 3 * secondMs - 100);
      newestMs = Math.max(newestMs, timeMs);
    }
  });

  it("says of each event what stands in its value, and the partition of its key", () => {
    for (const event of events.slice(0, 2_000)) {
      const wire = JSON.parse(fromUtf8(event.value));
      assert.equal(wire.event_type, event.type);
      assert.equal(Date.parse(wire.timestamp), event.timeMs);
      assert.equal(wire.city, cities[event.city]);
      assert.equal(Number(wire.user_id.slice(5)), event.rider);
      assert.equal(Math.round(wire.estimated_fare * 100), event.estimatedFareCents);
      assert.equal(event.partition, partitionOf("ride-events", event.key));
    }
  });

  it("ends every partition, long after the last window", () => {
    const ends = all.slice(-12);
    assert.deepEqual(ends.map(({ partition }) => partition), ends.map((_, i) => i));
    for (const end of ends) {
      assert.equal(end.partition, partitionOf("ride-events", end.key));
      assert.ok(end.timeMs > Math.max(...events.map(({ timeMs }) => timeMs)) + 15 * minuteMs);
    }
  });
});

describe("newRecount()", () => {
  const event = (minute: number, rider: number, more: Partial<WorkloadEvent> = {}): WorkloadEvent => ({
    ...{ partition: 0, key: new Uint8Array(), value: new Uint8Array(), logMs: 0, timeMs: minute * minuteMs },
    ...{ type: "requested", city: 0, rider, estimatedFareCents: 100, ...more },
  });

  it("counts an event in five windows, a rider once in each, and another city apart", () => {
    const recount = newRecount();
    recount.add(event(10, 1));
    recount.add(event(12, 1, { type: "completed", estimatedFareCents: 200 }));
    recount.add(event(12, 2, { type: "cancelled" }));
    recount.add(event(12, 3, { city: 1 }));
    recount.add(event(40, 9, { city: -1 }));
    const windows = recount.windows();
    const city = (name: string) => [...windows.keys()].filter((key) => key.startsWith(name)).length;
    assert.deepEqual([city(cities[0]!), city(cities[1]!), windows.size], [7, 5, 12]);
    assert.deepEqual(windows.get(keyOf(cities[0]!, 8 * minuteMs)), {
      ...{
        total_events: 3,
        requests: 1,
        completions: 1,
        cancellations: 1,
        avg_fare: 400 / 3,
        unique_riders: 2,
      },
    });
    assert.deepEqual(windows.get(keyOf(cities[0]!, 6 * minuteMs)), {
      ...{ total_events: 1, requests: 1, completions: 0, cancellations: 0, avg_fare: 100, unique_riders: 1 },
    });
  });
});
