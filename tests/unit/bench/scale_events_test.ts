import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { scaleEvents, type ScaleWork } from "../../../bench/scale_events.ts";
import { parseRideEvent } from "../../../src/codec/ride_event.ts";
import { utf8 } from "../../../src/ids.ts";
import { minuteMs, secondMs } from "../../../src/time.ts";

const work: ScaleWork = {
  ...{ windowMs: 5 * minuteMs, cities: 7, partitions: 12, rides: 500, late: 0 },
  ...{ eventsPerSecond: 200, events: 8_000 },
};
const partsOf = (over: Partial<ScaleWork> = {}) => [...scaleEvents({ ...work, ...over })];
const eventsOf = (kind: string, over: Partial<ScaleWork> = {}) =>
  partsOf(over).filter((part) => part.kind === kind).flatMap(({ events }) => events).map((made) => {
    const decoded = parseRideEvent(utf8(made.value));
    assert.ok(decoded.ok, made.value);
    return { ...made, event: decoded.event };
  });

describe("scaleEvents()", () => {
  it("gives as many events a second as asked for in the order of the log's time, each ride in its four steps", () => {
    const events = eventsOf("measured");
    assert.equal(events.length, work.events);
    assert.ok(events.every(({ logMs }, i) => i === 0 || logMs >= events[i - 1]!.logMs));
    assert.equal(events.at(-1)!.logMs - events[0]!.logMs, work.events / 200 * secondMs - 20);
    const counts = Object.groupBy(events, ({ event }) => event.type);
    for (const type of ["requested", "accepted", "started", "completed"] as const) {
      assert.equal(counts[type]?.length, work.events / 4);
    }
    assert.equal(new Set(events.map(({ event }) => event.city)).size, work.cities);
  });

  it("knows every ride that is measured from its request on", () => {
    const requested = new Set<string>();
    for (const { events, kind } of partsOf()) {
      for (const { key, value } of events) {
        if (value.includes('"requested"')) requested.add(key);
        else if (kind === "measured") assert.ok(requested.has(key), value);
      }
    }
  });

  it("holds as many rides, and makes as many events late, as asked for", () => {
    assert.equal(new Set(eventsOf("rides").map(({ key }) => key)).size, work.rides);
    const late = eventsOf("measured", { late: 0.2 }).filter(({ event, logMs }) => event.timeMs < logMs);
    assert.ok(Math.abs(late.length / work.events - 0.2) < 0.02, String(late.length));
    assert.ok(late.every(({ event, logMs }) => logMs - event.timeMs === 40 * secondMs));
  });
});
