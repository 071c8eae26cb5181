/** What the stages write has the shape the schemas promise, and the first group of figures comes out as it went in. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { rideTable } from "../../../actors/ride_table.ts";
import { newRide, type Outcome } from "../../../actors/ride.ts";
import { alertTransition } from "../../../schemas/alert.ts";
import { type CityWindow, cityWindow } from "../../../schemas/city_window.ts";
import { rideFact } from "../../../schemas/ride_fact.ts";
import { stageContext } from "../stages/stage_context.ts";
import { builtInRules } from "../../../src/alerts/built_in.ts";
import { alertTransitionOf } from "../../../src/stages/alert_transition.ts";
import { cityWindowOf } from "../../../src/stages/city_window.ts";
import { paneFields, paneWidth, waitFrom } from "../../../src/stages/pane_fields.ts";
import { rideFactOf } from "../../../src/stages/ride_fact.ts";

const t0 = Date.UTC(2026, 0, 15, 18);
const facts = {
  city: "bratislava",
  endMs: t0,
  windowMs: 300_000,
  gauges: undefined,
  phase: 0 as const,
  kind: "update" as const,
  watermarkMs: null,
  generation: 1,
  surgeProvisional: null,
};

/** The values of a pane by name, then the waits by bucket. */
function valuesOf(
  named: Partial<Record<(typeof paneFields)[number], number>>,
  waits: Record<number, number> = {},
) {
  const values = new Array<number>(paneWidth).fill(0);
  paneFields.forEach((name, i) => values[i] = named[name] ?? 0);
  for (const [bucket, count] of Object.entries(waits)) values[waitFrom + Number(bucket)] = count;
  return values;
}

describe("cityWindowOf", () => {
  it("gives a closed window with supply its literal figures", () => {
    const values = valuesOf({
      total_events: 20,
      requests: 9,
      acceptances: 5,
      starts: 3,
      completions: 2,
      cancellations: 1,
      fare_cents: 1_701,
      fare_events: 2,
      rides_completed: 2,
      rides_cancelled_by_rider: 1,
      rides_cancelled_by_driver: 0,
      rides_cancelled_by_system: 0,
      revenue_cents: 1_234,
      anomalies: 4,
    }, { 3: 1, 12: 1 });
    const window = cityWindowOf({
      ...facts,
      merged: { values, positions: 17, riders: 6 },
      gauges: { open: 3, supply: [6, 1, 1], surge: 1.4, rides: null },
      phase: 2,
      kind: "revision",
      watermarkMs: t0 + 1,
    });
    const expected: CityWindow = {
      city: "bratislava",
      window_start: "2026-01-15T17:55:00.000Z",
      window_end: "2026-01-15T18:00:00.000Z",
      kind: "revision",
      rev: "0001000000000000172",
      watermark: "2026-01-15T18:00:00.001Z",
      total_events: 20,
      requests: 9,
      acceptances: 5,
      starts: 3,
      completions: 2,
      cancellations: 1,
      avg_fare: 8.51,
      unique_riders: 6,
      unique_riders_error: 0,
      rides_completed: 2,
      rides_cancelled_by_rider: 1,
      rides_cancelled_by_driver: 0,
      rides_cancelled_by_system: 0,
      completion_rate: 0.6667,
      cancellation_rate: 0.3333,
      revenue: 12.34,
      request_to_accept_p50_s: 5,
      request_to_accept_p90_s: 60,
      anomalies: 4,
      open_requests: 3,
      available_drivers: 6,
      busy_drivers: 2,
      utilisation: 0.25,
      surge: 1.4,
    };
    assert.deepEqual(window, expected);
    assert.deepEqual(cityWindow.parse(window), window);
  });

  it("is null where there is nothing to say: no fares, no ended rides, no waits, no gauges before closing", () => {
    const merged = { values: valuesOf({ total_events: 1 }), positions: 1, riders: 0 };
    const { avg_fare, completion_rate, cancellation_rate, open_requests, available_drivers, ...rest } =
      cityWindowOf({
        ...facts,
        merged,
        gauges: { open: 3, supply: [6, 1, 1], surge: 1.4, rides: null },
      });
    assert.deepEqual(
      [avg_fare, completion_rate, cancellation_rate, open_requests, available_drivers],
      [null, null, null, null, null],
    );
    assert.deepEqual([rest.request_to_accept_p50_s, rest.utilisation, rest.watermark], [null, null, null]);
  });

  it("a closed window nobody spoke of has zeros", () => {
    const merged = { values: valuesOf({ total_events: 1 }), positions: 1, riders: 0 };
    const { open_requests, available_drivers, utilisation } = cityWindowOf({ ...facts, merged, phase: 2 });
    assert.deepEqual([open_requests, available_drivers, utilisation], [0, 0, null]);
  });

  it("has the shape of its schema for any counts", () => {
    const values = fc.array(fc.nat(1_000_000), { minLength: paneWidth, maxLength: paneWidth });
    const gauges = fc.record({
      open: fc.nat(),
      supply: fc.tuple(fc.nat(), fc.nat(), fc.nat()),
      surge: fc.constantFrom(1, 1.3, null),
      rides: fc.constant(null),
    });
    fc.assert(
      fc.property(
        values,
        fc.constantFrom(0 as const, 1 as const, 2 as const),
        gauges,
        (drawn, phase, held) => {
          const merged = { values: drawn, positions: drawn[0]!, riders: drawn[1]! };
          const window = cityWindowOf({ ...facts, merged, phase, gauges: held });
          assert.deepEqual(cityWindow.parse(JSON.parse(JSON.stringify(window))), window);
        },
      ),
    );
  });
});

describe("rideFactOf", () => {
  const source = { logEpoch: 0, partition: 3, offset: 17, n: 1 };
  const ended = {
    ...newRide("r"),
    userId: "u",
    driverId: "d",
    requestedMs: t0,
    acceptedMs: t0 + 12_500,
    startedMs: t0 + 60_000,
    endedMs: t0 + 600_000,
    outcome: "completed" as Outcome,
    outcomeCity: "x",
    outcomeMs: t0 + 600_000,
    attempts: 1,
    estimatedFareCents: 850,
    fareCents: 907,
  };

  it("tells a completed ride with the duration of each step", () => {
    const fact = rideFactOf(ended, false, source, 2);
    assert.deepEqual(fact, {
      fact_id: "0/ride-events/3/17/1",
      generation: 2,
      ride_id: "r",
      city: "x",
      outcome: "completed",
      cancelled_by: null,
      reason: null,
      driver_id: "d",
      user_id: "u",
      ended_at: "2026-01-15T18:10:00.000Z",
      requested_at: "2026-01-15T18:00:00.000Z",
      accepted_at: "2026-01-15T18:00:12.500Z",
      started_at: "2026-01-15T18:01:00.000Z",
      request_to_accept_s: 12.5,
      accept_to_start_s: 47.5,
      start_to_end_s: 540,
      attempts: 1,
      estimated_fare: 8.5,
      fare: 9.07,
      anomalies: [],
    });
    assert.deepEqual(rideFact.parse(fact), fact);
  });

  const outcomes: [outcome: Outcome, takenBack: boolean, told: string, by: string | null][] = [
    ["rider", false, "cancelled", "rider"],
    ["system", false, "cancelled", "system"],
    ["driver", true, "taken_back", "driver"],
  ];
  for (const [outcome, takenBack, told, by] of outcomes) {
    it(`an outcome ${outcome}${takenBack ? " taken back" : ""} is ${told} by ${by}`, () => {
      const fact = rideFactOf({ ...newRide("r"), outcome, outcomeCity: "x" }, takenBack, source, 1);
      assert.deepEqual([fact.outcome, fact.cancelled_by], [told, by]);
      assert.deepEqual(rideFact.parse(fact), fact);
    });
  }

  it("names every anomaly a ride can have, and only those", () => {
    const fact = rideFactOf({ ...ended, marks: -1 }, false, source, 1);
    const odd = new Set(rideTable.flatMap((row) => row.marks));
    for (const mark of ["filled", "reassigned", "redispatched"] as const) odd.delete(mark);
    assert.deepEqual(new Set(fact.anomalies), new Set([...odd, "outcome_stands"]));
  });
});

describe("alertTransitionOf", () => {
  it("tells who, what, since when and how much", () => {
    const transition = alertTransitionOf({
      rule: builtInRules[0]!,
      city: "x",
      state: "firing",
      sinceMs: t0 - 300_000,
      boundaryMs: t0,
      value: 0.35,
      counts: { completed: 65, cancelled: 35 },
    }, stageContext());
    assert.deepEqual(transition, {
      alert_id: "cancellation_rate_high/x/2026-01-15T17:55:00.000Z",
      rule: "cancellation_rate_high",
      city: "x",
      state: "firing",
      severity: "critical",
      owner: "operations",
      since: "2026-01-15T17:55:00.000Z",
      at: "2026-01-15T18:00:00.000Z",
      value: 0.35,
      threshold: 0.3,
      window_start: "2026-01-15T17:55:00.000Z",
      window_end: "2026-01-15T18:00:00.000Z",
      rev: `0001${String(t0 / 60_000).padStart(14, "0")}1`,
      counts: { completed: 65, cancelled: 35 },
      summary: "x: 35.0 % of 100 ended rides were cancelled (limit 30 %), firing",
      dedup_key: "waymark:cancellation_rate_high:x",
      runbook: null,
    });
    assert.deepEqual(alertTransition.parse(transition), transition);
  });
});
