/**
 * The expectations themselves, held against figures worked out by hand from the inputs and against the recount.
 *
 * A row: city, window from, and what a reader of input.jsonl counts there. Fields left out are zero or null.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AlertTransition } from "../../schemas/alert.ts";
import type { CityWindow } from "../../schemas/city_window.ts";
import { assertRecounted } from "../pipeline/recounted.ts";
import { play } from "../pipeline/harness.ts";
import { caseNames, expectedOf, inputOf } from "./golden.ts";

type Row = [city: string, from: string, figures: Partial<CityWindow>];

const one = { total_events: 1 };
const noDrivers = { available_drivers: 0, busy_drivers: 0, surge: 1 };
const byHand: Record<string, Row[]> = {
  happy_ride: [
    ["wien", "17:59", {
      ...{ total_events: 3, requests: 1, acceptances: 1, starts: 1, avg_fare: 12.3, unique_riders: 1 },
      ...{ request_to_accept_p50_s: 25, request_to_accept_p90_s: 25 },
    }],
    ["wien", "18:13", {
      ...one,
      completions: 1,
      rides_completed: 1,
      completion_rate: 1,
      cancellation_rate: 0,
      revenue: 13.05,
    }],
  ],
  redispatch: [
    // The driver's cancel was taken back: counted as an event, not as an outcome.
    ["wien", "18:01", { total_events: 3, acceptances: 1, starts: 1, cancellations: 1 }],
    // ride-6 was accepted again after its minute had closed: the cancel stands, completing it counts nothing.
    ["wien", "18:11", {
      ...{ total_events: 2, completions: 1, cancellations: 1, rides_completed: 1 },
      ...{ rides_cancelled_by_driver: 1, completion_rate: 0.5, cancellation_rate: 0.5, revenue: 9.5 },
    }],
    ["wien", "18:24", { ...one, completions: 1, anomalies: 1 }],
  ],
  out_of_order_and_skipped: [
    // Orphan accept 18:00; skipped start 18:06 and 18:08; orphan start, mid-trip cancel and conflict of ride-10.
    ["wien", "18:04", {
      ...{
        total_events: 5,
        starts: 1,
        completions: 3,
        cancellations: 1,
        rides_completed: 2,
        rides_cancelled_by_rider: 1,
      },
      ...{ completion_rate: 0.6667, cancellation_rate: 0.3333, revenue: 32, anomalies: 5 },
    }],
    ["wien", "18:01", { total_events: 2, requests: 1, starts: 1, avg_fare: 20, unique_riders: 1 }],
  ],
  duplicates: [
    ["wien", "18:05", {
      total_events: 2,
      completions: 2,
      rides_completed: 2,
      completion_rate: 1,
      cancellation_rate: 0,
      revenue: 13,
      anomalies: 2,
      ...noDrivers,
    }],
  ],
  late_revised_too_late: [
    // The request (8 min 50 s late) and the start of 18:02 count; the accept of 18:01:59 does not, twice.
    ["wien", "18:01", {
      total_events: 2,
      requests: 1,
      starts: 1,
      avg_fare: 6,
      unique_riders: 1,
      anomalies: 1,
    }],
    ["linz", "18:00", {
      ...{ total_events: 24, requests: 12, acceptances: 12, unique_riders: 12 },
      ...{ request_to_accept_p50_s: 240, request_to_accept_p90_s: 240 },
    }],
  ],
  without_city: [
    ["unknown", "17:57", { total_events: 2, requests: 2, avg_fare: 4, unique_riders: 2 }],
    ["wien", "18:01", { ...one, starts: 1 }],
    ["graz", "18:03", {
      ...one,
      completions: 1,
      rides_completed: 1,
      completion_rate: 1,
      cancellation_rate: 0,
      revenue: 5,
    }],
  ],
  supply: [
    ["wien", "17:56", {
      total_events: 2,
      requests: 2,
      unique_riders: 2,
      open_requests: 2,
      available_drivers: 1,
      busy_drivers: 1,
      utilisation: 0.5,
      // Two requests in the last minute for one free driver, who may not be the only one: the first boundary with drivers.
      surge: 1,
    }],
    ["wien", "18:01", {
      ...{ ...one, acceptances: 1, request_to_accept_p50_s: 90, request_to_accept_p90_s: 90 },
      ...{ available_drivers: 0, busy_drivers: 0, surge: 1 },
    }],
  ],
  bad_clocks_and_poison: [
    // Five minutes ahead of the record is allowed, five minutes and a millisecond is not.
    ["wien", "18:05", { ...one, requests: 1, open_requests: 1 }],
  ],
  two_cities_and_unknown: [
    ["wien", "17:57", { total_events: 3, requests: 3, avg_fare: 10.01, unique_riders: 2, open_requests: 3 }],
    ["graz", "17:57", { ...one, requests: 1, avg_fare: 20.01, unique_riders: 1, open_requests: 1 }],
    // Who did not show up cancelled, whoever reported it.
    ["wien", "18:06", {
      ...{
        total_events: 2,
        acceptances: 1,
        cancellations: 1,
        rides_cancelled_by_rider: 1,
        completion_rate: 0,
      },
      ...{ cancellation_rate: 1, request_to_accept_p50_s: 420, request_to_accept_p90_s: 420 },
    }],
  ],
};

const ledgers: Record<
  string,
  [read: number, counted: number, duplicates: number, tooLate: number, dead: number, late: number]
> = {
  happy_ride: [4, 4, 0, 0, 0, 0],
  redispatch: [11, 11, 0, 0, 0, 2],
  out_of_order_and_skipped: [9, 9, 0, 0, 0, 4],
  duplicates: [9, 5, 4, 0, 0, 0],
  late_revised_too_late: [52, 50, 0, 2, 0, 2],
  without_city: [7, 7, 0, 0, 0, 3],
  cancellation_alert: [140, 140, 0, 0, 0, 0],
  supply: [4, 4, 0, 0, 0, 0],
  bad_clocks_and_poison: [19, 5, 0, 1, 13, 0],
  two_cities_and_unknown: [9, 9, 0, 0, 0, 0],
};

for (const name of await caseNames()) {
  describe(`expectations of ${name}`, () => {
    it("have the figures worked out by hand", async () => {
      const windows = linesOf<CityWindow>((await expectedOf(name))!["windows.ndjson"]);
      for (const [city, from, figures] of byHand[name] ?? []) {
        const window = windows.find((w) =>
          w.city === city && w.window_start === `2026-01-15T${from}:00.000Z`
        );
        assert.deepEqual(without(window!), { ...figures }, `${city} ${from}`);
      }
    });

    it("have the ledger worked out by hand", async () => {
      const { total } = JSON.parse((await expectedOf(name))!["ledger.json"]);
      const { read, counted, duplicates, too_late, dead_lettered, late } = total["ride-events"];
      assert.deepEqual([read, counted, duplicates, too_late, dead_lettered, late], ledgers[name]);
    });

    it("equal the recount", async () => {
      const run = await play(await inputOf(name));
      await assertRecounted(run);
      await run.dispose();
    });
  });
}

describe("expectations of cancellation_alert, the alert", () => {
  it("is pending at 9 of 25, fires five minutes later, resolves six recovering boundaries after 6 of 25", async () => {
    const alerts = linesOf<AlertTransition>((await expectedOf("cancellation_alert"))!["alerts.ndjson"]);
    const none = { requests: 0, open_requests: 0 };
    const of = (rule: string) =>
      alerts.filter((a) => a.rule === rule).map((a) => [a.state, a.at.slice(11, 16), a.value, a.counts]);
    assert.deepEqual(of("cancellation_rate_high"), [
      ["pending", "18:08", 0.36, { completed: 16, cancelled: 9, ...none }],
      ["firing", "18:13", 0.6, { completed: 10, cancelled: 15, ...none }],
      ["resolved", "18:23", 0, { completed: 25, cancelled: 0, ...none }],
    ]);
    assert.deepEqual(of("completion_rate_low"), [
      ["pending", "18:08", 0.64, { completed: 16, cancelled: 9, ...none }],
      ["resolved", "18:18", 0.76, { completed: 19, cancelled: 6, ...none }],
    ]);
    assert.equal(alerts.length, 5);
  });
});

const linesOf = <T>(text: string): T[] => text.trimEnd().split("\n").map((line) => JSON.parse(line) as T);

/** What is neither zero, null nor the window's name; a rate or supply of zero stays where its group is known. */
function without(
  { city: _, window_start: __, window_end: ___, unique_riders_error: ____, ...figures }: CityWindow,
) {
  const kept = Object.entries(figures).filter(([name, value]) =>
    value !== null && (value !== 0 || name.endsWith("_rate") || name.endsWith("_drivers"))
  );
  return Object.fromEntries(kept);
}
