import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { cityTraffic } from "../../../src/traffic/city_traffic.ts";
import { distanceKm } from "../../../src/traffic/geography.ts";
import { hourMs, minuteMs, secondMs } from "../../../src/time.ts";

type Fields = {
  timestamp: string;
  event_type: string;
  driver_id: string;
  cancelled_by?: string;
  reason?: string;
  fare: number;
  status: string;
  ride_id?: string;
  lat: number;
  lng: number;
  speed_kmh: number;
};
type Timed = Fields & { atMs: number };

const rideEvents = new Map<string, Timed[]>();
const points = new Map<string, Timed[]>();
const traffic = cityTraffic({
  seed: 11,
  ratePerMinute: 1_500,
  cities: 2,
  positionsShare: 0.8,
  durationMs: 2 * hourMs,
});
for (const item of traffic.items) {
  const fields = JSON.parse(item.value as string) as Fields;
  const into = item.topic === "ride-events" ? rideEvents : points;
  const list = into.get(item.key) ?? [];
  into.set(item.key, list);
  list.push({ ...fields, atMs: Date.parse(fields.timestamp) });
}

/** What may follow what, from the domain's table. */
const legal: Record<string, string[]> = {
  "": ["requested"],
  requested: ["accepted", "cancelled"],
  accepted: ["accepted", "started", "cancelled"],
  started: ["completed", "cancelled"],
  "cancelled by driver": ["accepted"],
  completed: [],
  cancelled: [],
};

const kindOf = (event: Timed) =>
  event.event_type === "cancelled" && event.cancelled_by === "driver"
    ? "cancelled by driver"
    : event.event_type;

describe("a simulated ride", () => {
  it("goes only ways that the domain's table knows", () => {
    assert.ok(rideEvents.size > 5_000);
    for (const [id, events] of rideEvents) {
      let before = "";
      for (const event of events) {
        assert.ok(
          legal[before]!.includes(event.event_type),
          `${id}: ${event.event_type} after ${before || "nothing"}`,
        );
        before = kindOf(event);
      }
    }
  });

  it("keeps a second between its events, names the driver who serves it, and has money of two decimals", () => {
    for (const events of rideEvents.values()) {
      let driver: string | undefined;
      events.forEach((event, i) => {
        if (i > 0) assert.ok(event.atMs - events[i - 1]!.atMs >= secondMs);
        if (event.event_type === "accepted") {
          assert.notEqual(event.driver_id, undefined);
          driver = event.driver_id;
        } else if (event.event_type !== "requested") assert.equal(event.driver_id, driver);
        if (kindOf(event) === "cancelled by driver") driver = undefined;
        if (event.event_type === "completed") assert.equal(event.fare, Number(event.fare.toFixed(2)));
      });
    }
  });

  it("fails in the measured proportions, with every kind of failure among them", () => {
    const ways = new Map<string, number>();
    for (const events of rideEvents.values()) {
      const way = events.map((event) =>
        event.event_type === "cancelled" ? `cancelled:${event.reason}` : event.event_type
      )
        .join(" ");
      ways.set(way, (ways.get(way) ?? 0) + 1);
    }
    const share = (way: string) => (ways.get(way) ?? 0) / rideEvents.size;
    const beforeDriver = share("requested cancelled:rider_changed_mind");
    const nobody = share("requested cancelled:no_driver");
    assert.ok(Math.abs(beforeDriver - 0.045) < 0.01, `${beforeDriver} before a driver`);
    assert.ok(Math.abs(nobody - 0.034) < 0.01, `${nobody} without a driver`);
    for (
      const way of [
        "requested accepted started completed",
        "requested accepted cancelled:rider_changed_mind",
        "requested accepted cancelled:no_show",
        "requested accepted started cancelled:left_early",
        "requested accepted accepted started completed",
        "requested accepted cancelled:driver_changed_mind accepted started completed",
      ]
    ) assert.ok(ways.has(way), `${way} happened`);
  });

  it("takes the time that rides take: median trip near 626 s, accepted within a minute mostly", () => {
    const trips: number[] = [];
    const waits: number[] = [];
    for (const events of rideEvents.values()) {
      const at = (type: string) => events.find((event) => event.event_type === type)?.atMs;
      const [requested, accepted, started, completed] = ["requested", "accepted", "started", "completed"].map(
        at,
      );
      // Rides of the last hour would show the short trips only.
      if (requested! > events[0]!.atMs || requested! > Date.UTC(2026, 0, 15, 19)) continue;
      if (accepted !== undefined) waits.push(accepted - requested!);
      if (started !== undefined && completed !== undefined) trips.push(completed - started);
    }
    const median = (values: number[]) => values.sort((a, b) => a - b)[values.length >> 1]!;
    assert.ok(Math.abs(median(trips) - 626 * secondMs) < 60 * secondMs, `${median(trips)}`);
    assert.ok(median(waits) < 60 * secondMs, `${median(waits)}`);
  });
});

describe("a simulated driver", () => {
  it("is busy with a completed ride for 18 minutes on average, which sizes the fleet", () => {
    const busyMs: number[] = [];
    for (const events of rideEvents.values()) {
      const accepted = events.findLast((event) => event.event_type === "accepted");
      const completed = events.find((event) => event.event_type === "completed");
      // Later rides would show the short ones only.
      if (accepted === undefined || completed === undefined) continue;
      if (events[0]!.atMs < Date.UTC(2026, 0, 15, 18, 40)) busyMs.push(completed.atMs - accepted.atMs);
    }
    const meanMinutes = busyMs.reduce((sum, ms) => sum + ms, 0) / busyMs.length / minuteMs;
    assert.ok(Math.abs(meanMinutes - 18) < 1.5, `${meanMinutes} minutes`);
  });

  /** The stretches in which each driver was sent to, and drove, each ride. */
  const stretches = new Map<string, { status: string; fromMs: number; toMs: number }[]>();
  for (const [id, events] of rideEvents) {
    events.forEach((event, i) => {
      const status = event.event_type === "accepted"
        ? "en_route"
        : event.event_type === "started"
        ? "on_trip"
        : null;
      if (status === null) return;
      const key = `${event.driver_id}/${id}`;
      const list = stretches.get(key) ?? [];
      stretches.set(key, list);
      list.push({ status, fromMs: event.atMs, toMs: events[i + 1]?.atMs ?? Infinity });
    });
  }

  it("reports the status of the ride it serves at that time", () => {
    let checked = 0;
    for (const [id, list] of points) {
      for (const point of list) {
        if (point.ride_id === undefined) {
          assert.ok(point.status === "available" || point.status === "offline");
          continue;
        }
        const serving = stretches.get(`${id}/${point.ride_id}`)?.some((stretch) =>
          stretch.status === point.status && stretch.fromMs <= point.atMs && point.atMs <= stretch.toMs
        );
        assert.ok(serving, `${id} said ${point.status} for ${point.ride_id} at ${point.timestamp}`);
        checked++;
      }
    }
    assert.ok(checked > 20_000, `${checked} points with a ride`);
  });

  it("moves as cars do: no step faster than 130 km/h, no reported speed above it", () => {
    let fastest = 0;
    for (const list of points.values()) {
      list.forEach((point, i) => {
        assert.ok(point.speed_kmh <= 130, `${point.speed_kmh} km/h`);
        const previous = list[i - 1];
        if (previous === undefined) return;
        const kmh = distanceKm(previous, point) / ((point.atMs - previous.atMs) / hourMs);
        fastest = Math.max(fastest, kmh);
      });
    }
    assert.ok(fastest < 130, `${fastest} km/h`);
  });

  it("sends its points at a steady interval, except for breaks that it announces", () => {
    for (const list of points.values()) {
      list.forEach((point, i) => {
        const next = list[i + 1];
        if (next === undefined) return;
        const steady = Math.abs(next.atMs - point.atMs - traffic.positionIntervalMs) <= 1;
        if (!steady) assert.equal(point.status, "offline");
      });
    }
  });
});
