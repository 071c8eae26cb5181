import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { driverLocationWire } from "../../../schemas/driver_location.ts";
import { rideEventWire } from "../../../schemas/ride_event.ts";
import { cityTraffic, type CityTrafficOptions } from "../../../src/traffic/city_traffic.ts";
import { knownCities } from "../../../src/traffic/cities.ts";
import type { SentItem } from "../../../src/traffic/item.ts";
import { minuteMs, secondMs } from "../../../src/time.ts";

const startMs = Date.UTC(2026, 0, 15, 18);
const hour: CityTrafficOptions = {
  seed: 7,
  ratePerMinute: 600,
  cities: 3,
  positionsShare: 0.5,
  startMs,
  durationMs: 60 * minuteMs,
};

const everything: Partial<CityTrafficOptions> = {
  duplicates: 0.05,
  disorder: 0.05,
  late: 0.02,
  tooLate: 0.01,
  badClocks: 0.03,
  poison: 0.01,
  withoutCity: 0.2,
  withoutZone: 0.3,
  withoutEventId: 0.2,
};

type Sent = SentItem & { value: string };
type Fields = Record<string, unknown> & { timestamp: string };
const all = (options: CityTrafficOptions) => [...cityTraffic(options).items] as Sent[];
const fields = (item: SentItem) => JSON.parse(item.value as string) as Fields;
const timeMs = ({ timestamp }: Fields) => Date.parse(timestamp.replace(/(\.\d{3})\d{3}$/, "$1Z"));

describe("cityTraffic", () => {
  it("gives the same items for the same seed and others for another", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1_000_000 }), (seed) => {
        const options = { ...everything, ...hour, seed, durationMs: 3 * minuteMs };
        assert.deepEqual(all(options), all(options));
        assert.notDeepEqual(all(options), all({ ...options, seed: seed + 1 }));
      }),
      { numRuns: 5 },
    );
  });

  it("usualAtMs: demand is the day's mean then, whatever the hour, and follows the day from there", () => {
    const at = (utcHour: number) => Date.UTC(2026, 0, 15, utcHour);
    const requests = (options: Partial<CityTrafficOptions>) =>
      all({ ...hour, cities: 1, ...options })
        .filter(({ value }) => value.includes(`"requested"`)).length;
    const night = requests({ startMs: at(2), usualAtMs: at(2) });
    const evening = requests({ startMs: at(17), usualAtMs: at(17) });
    assert.ok(Math.abs(night / evening - 1) < 0.15, `${night} at night, ${evening} in the evening`);
    assert.ok(requests({ startMs: at(17) }) > 2 * requests({ startMs: at(2) }), "as the hours are");
    const morning = requests({ startMs: at(7), usualAtMs: at(2) });
    assert.ok(morning > 1.8 * night, `${morning} in the morning after ${night} at night`);
  });

  it("sends in order of sending time, at the rate and share asked for", () => {
    const { items, ledger, positionIntervalMs } = cityTraffic({ seed: 1, durationMs: 5 * minuteMs, startMs });
    let previousMs = 0;
    let count = 0;
    for (const item of items) {
      assert.ok(item.recordedAtMs! >= previousMs, "sending time never goes back");
      previousMs = item.recordedAtMs!;
      count++;
    }
    assert.ok(Math.abs(count / 5 - 50_000) < 1_500, `${count / 5} items a minute`);
    assert.ok(ledger.locations / count > 0.98, `${ledger.locations / count} are positions`);
    assert.ok(Math.abs(positionIntervalMs - 5 * secondMs) < 10, `a point every ${positionIntervalMs} ms`);
  });

  it("ends after the items asked for, and the ledger counts only what was taken", () => {
    const traffic = cityTraffic({ seed: 3, events: 1_234 });
    assert.equal([...traffic.items].length, 1_234);
    assert.equal(traffic.ledger.sent, 1_234);
    const live = cityTraffic({ seed: 3 });
    let taken = 0;
    for (const _ of live.items) if (++taken === 10) break;
    assert.equal(live.ledger.sent, 10);
  });

  it("sends what the wire contract accepts, and no two events with one event_id in a ride", () => {
    const seen = new Set<string>();
    for (const item of all({ ...hour, withoutZone: 0.3 })) {
      const schema = item.topic === "ride-events" ? rideEventWire : driverLocationWire;
      const value = schema.parse(fields(item)) as Record<string, unknown>;
      assert.equal(item.key, item.topic === "ride-events" ? value.ride_id : value.driver_id);
      if (item.topic !== "ride-events") continue;
      const id = `${value.ride_id}/${value.event_id}`;
      assert.ok(!seen.has(id), `${id} was sent twice`);
      seen.add(id);
    }
  });

  it("has Zipf-like cities, riders who ride again, and completions well above cancellations", () => {
    const perCity = new Map<unknown, number>();
    const rides = new Map<unknown, number>();
    const perType = new Map<unknown, number>();
    for (const item of all({ ...hour, durationMs: 120 * minuteMs, positionsShare: 0.2 })) {
      if (item.topic !== "ride-events") continue;
      const event = fields(item);
      perType.set(event.event_type, (perType.get(event.event_type) ?? 0) + 1);
      if (event.event_type !== "requested") continue;
      perCity.set(event.city, (perCity.get(event.city) ?? 0) + 1);
      rides.set(event.user_id, (rides.get(event.user_id) ?? 0) + 1);
    }
    const [first, second, third] = ["bratislava", "vienna", "prague"].map((city) => perCity.get(city)!);
    assert.ok(first! > 1.5 * second! && second! > 1.2 * third!, `${first}, ${second}, ${third} rides`);
    assert.ok([...rides.values()].filter((count) => count > 1).length > 100);
    const ended = perType.get("completed")! + perType.get("cancelled")!;
    assert.ok(perType.get("completed")! / ended > 0.78, `${perType.get("completed")} of ${ended} completed`);
  });

  it("knows at least fifty cities by different names", () => {
    assert.ok(new Set(knownCities.map((city) => city.name)).size >= 50);
  });

  it("refuses options that mean nothing, naming them", () => {
    const wrong: [Partial<CityTrafficOptions>, RegExp][] = [
      [{ cities: 0 }, /cities 0/],
      [{ cities: 1_000 }, /cities 1000/],
      [{ ratePerMinute: NaN }, /ratePerMinute NaN/],
      [{ late: -0.1 }, /late -0.1/],
      [{ duplicates: 0.6, disorder: 0.6 }, /at most 1/],
    ];
    for (const [options, message] of wrong) {
      assert.throws(() => cityTraffic({ seed: 1, ...options }), { code: "usage", message });
    }
  });
});

describe("the ledger of cityTraffic", () => {
  const options = { ...hour, ...everything };
  const traffic = cityTraffic(options);
  const items = [...traffic.items];
  const { ledger } = traffic;

  it("adds up: sent = events + duplicates + poison, in all and for each topic", () => {
    assert.equal(ledger.sent, items.length);
    for (const counts of [ledger, ledger.byTopic["ride-events"], ledger.byTopic["driver-locations"]]) {
      assert.equal(counts.sent, counts.events + counts.duplicates + counts.poison);
    }
    assert.equal(ledger.rideEvents + ledger.locations, ledger.events);
    assert.equal(Object.values(ledger.poisonByKind).reduce((sum, count) => sum + count, 0), ledger.poison);
  });

  it("equals what the items themselves show", () => {
    const seen = new Set<string>();
    const shown = { duplicates: 0, poison: 0, disordered: 0, late: 0, tooLate: 0, future: 0, past: 0 };
    for (const item of items) {
      if (item.key.startsWith("poison-")) {
        shown.poison++;
        continue;
      }
      if (seen.has(item.value as string)) {
        shown.duplicates++;
        continue;
      }
      seen.add(item.value as string);
      const behindMs = item.recordedAtMs! - timeMs(fields(item));
      if (behindMs < 0) shown.future++;
      else if (behindMs > 300 * 24 * 60 * minuteMs) shown.past++;
      else if (behindMs >= 13 * minuteMs) shown.tooLate++;
      else if (behindMs >= 45 * secondMs) shown.late++;
      else if (behindMs >= secondMs) shown.disordered++;
    }
    const { duplicates, poison, disordered, late, tooLate, future, past } = ledger;
    assert.deepEqual({ duplicates, poison, disordered, late, tooLate, future, past }, shown);
    for (const [name, count] of Object.entries(shown)) assert.ok(count > 0, `${name} was tried`);
  });

  it("disturbs the way of events, not the events: the same rides as without", () => {
    const calm = cityTraffic({
      ...options,
      duplicates: 0,
      disorder: 0,
      late: 0,
      tooLate: 0,
      badClocks: 0,
      poison: 0,
    });
    const ofRides = (sent: Iterable<SentItem>) =>
      new Set(
        [...sent].filter((item) => item.topic === "ride-events" && !item.key.startsWith("poison-"))
          .map((item) => (item.value as string).replace(/"timestamp":"[^"]*"/, "")),
      );
    assert.deepEqual(ofRides(items), ofRides(calm.items));
  });

  it("shows the shares of missing cities, zones and event ids", () => {
    const rideEvents = items.filter((item) => item.topic === "ride-events" && !item.key.startsWith("poison-"))
      .map(fields);
    const share = (of: Fields[], test: (event: Fields) => boolean) => of.filter(test).length / of.length;
    const later = rideEvents.filter((event) => event.event_type !== "requested");
    const near = (actual: number, wanted: number) => assert.ok(Math.abs(actual - wanted) < 0.03, `${actual}`);
    near(share(later, (event) => event.city === undefined), 0.2);
    near(share(rideEvents, (event) => event.event_id === undefined), 0.2);
    near(share(rideEvents, (event) => !event.timestamp.endsWith("Z")), 0.3);
  });
});
