import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, it } from "node:test";
import { utf8 } from "../../../src/ids.ts";
import { partitionOf } from "../../../src/log/partitioner.ts";
import { hourMs, minuteMs, secondMs } from "../../../src/time.ts";
import { cityTraffic, type CityTrafficOptions } from "../../../src/traffic/city_traffic.ts";
import type { SentItem } from "../../../src/traffic/item.ts";
import { type ScenarioName, scenarioNames, type ScenarioOptions } from "../../../src/traffic/scenario.ts";

const startMs = Date.UTC(2026, 0, 15, 18, 0, 30);
const fromMs = Date.UTC(2026, 0, 15, 18, 26);
const untilMs = Date.UTC(2026, 0, 15, 18, 46);
const city = "vienna";
const calm: CityTrafficOptions = {
  ...{ seed: 7, ratePerMinute: 1_000, cities: 3, positionsShare: 0.2 },
  ...{ startMs, durationMs: 55 * minuteMs },
};
const everything: CityTrafficOptions = {
  ...calm,
  ...{ duplicates: 0.05, disorder: 0.05, late: 0.02, tooLate: 0.01, badClocks: 0.03, poison: 0.01 },
  ...{ withoutCity: 0.2, withoutZone: 0.3, withoutEventId: 0.2 },
};
const silent = 3;
const keyPartition = (key: string) => partitionOf("murmur2", utf8(key), 12);
const partition = { silent, count: 12, of: keyPartition };

type Fields = {
  timestamp: string;
  event_type?: string;
  ride_id: string;
  driver_id?: string;
  user_id?: string;
  city?: string;
  cancelled_by?: string;
  status?: string;
};
type Sent = SentItem & { value: string; recordedAtMs: number };
type Event = Fields & { atMs: number };

const options = (name: ScenarioName, given: Partial<ScenarioOptions> = {}): ScenarioOptions => ({
  ...{ name, afterMs: 25 * minuteMs, ...(name === "silent-partition" ? { partition } : { city }) },
  ...given,
});
function sentOf(options: CityTrafficOptions) {
  const { items, ledger } = cityTraffic(options);
  return { items: [...items] as Sent[], ledger };
}
const staged = (name: ScenarioName, given: Partial<ScenarioOptions> = {}) =>
  sentOf({ ...calm, scenario: options(name, given) });
const isPoison = (item: SentItem) => item.key.startsWith("poison-");
const timeMs = (timestamp: string) => Date.parse(timestamp.replace(/(\.\d{3})\d{3}$/, "$1Z"));
function eventOf(item: Sent): Event {
  const fields = JSON.parse(item.value) as Fields;
  return { ...fields, atMs: timeMs(fields.timestamp) };
}
const rideEventsOf = (items: Sent[]) =>
  items.filter((item) => item.topic === "ride-events").map(eventOf).sort((a, b) => a.atMs - b.atMs);
const during = (event: { atMs: number }) => event.atMs >= fromMs && event.atMs < untilMs;

const lineOf = ({ key, value, recordedAtMs }: Sent) => `${key} ${value} ${recordedAtMs}`;

/** Tells the first difference: a hundred thousand lines side by side would tell nothing. */
function sameItems(run: Sent[], wanted: Sent[]): void {
  const at = run.findIndex((item, i) => wanted[i] === undefined || lineOf(item) !== lineOf(wanted[i]));
  if (at >= 0) assert.equal(lineOf(run[at]!), wanted[at] && lineOf(wanted[at]), `item ${at}`);
  assert.equal(run.length, wanted.length);
}

/** Cities of rides, by what their riders are called. */
function citiesOf(...runs: Sent[][]): Map<string, string> {
  const cities = new Map<string, string>();
  for (const item of runs.flat()) {
    const found = item.topic === "ride-events"
      ? /"user_id":"user-([^"]+)-\d+"/.exec(item.value)?.[1]
      : undefined;
    if (found !== undefined) cities.set(item.key, found);
  }
  return cities;
}

const pinned: CityTrafficOptions = {
  ...everything,
  ...{ ratePerMinute: 3_000, positionsShare: 0.5, durationMs: 10 * minuteMs },
};

describe("traffic without a scenario", () => {
  it("has the bytes that it had before there were scenarios", () => {
    const hash = createHash("sha256");
    for (const { key, value, recordedAtMs } of sentOf(pinned).items) {
      hash.update(`${key} ${value} ${recordedAtMs}\n`);
    }
    assert.equal(hash.digest("hex"), "9b42b90f2a5107032879eb9d68640bce960a36a18793e053cf18b6d5ab8f6079");
  });
});

describe("every scenario", () => {
  const plain = sentOf(everything);
  for (const name of scenarioNames) {
    const run = sentOf({ ...everything, scenario: options(name) });

    it(`${name} is the same for the same seed, and another for another`, () => {
      const short = {
        ...everything,
        durationMs: 6 * minuteMs,
        scenario: options(name, { afterMs: minuteMs }),
      };
      sameItems(sentOf(short).items, sentOf(short).items);
      assert.throws(() => sameItems(sentOf({ ...short, seed: 8 }).items, sentOf(short).items));
    });

    it(`${name} changes nothing before it begins, on a full minute`, () => {
      const before = (items: Sent[]) => items.filter((item) => item.recordedAtMs < fromMs);
      sameItems(before(run.items), before(plain.items));
      assert.throws(() => sameItems(run.items, plain.items));
    });

    it(`${name} sends the same bytes at the same times for every other city`, () => {
      const cities = citiesOf(plain.items, run.items);
      const elsewhere = (items: Sent[]) =>
        items.filter((item) => {
          if (isPoison(item)) return false;
          if (name === "silent-partition") {
            return item.topic === "driver-locations" || keyPartition(item.key) !== silent;
          }
          return (cities.get(item.key) ?? item.key.replace(/^driver-(.+)-\d+$/, "$1")) !== city;
        });
      assert.ok(elsewhere(run.items).length > 20_000);
      sameItems(elsewhere(run.items), elsewhere(plain.items));
    });

    it(`${name} has a ledger of what was sent, to the item`, () => {
      const seen = new Set<string>();
      const shown = { duplicates: 0, poison: 0, disordered: 0, late: 0, tooLate: 0, future: 0, past: 0 };
      let events = 0;
      for (const item of run.items) {
        if (isPoison(item)) shown.poison++;
        else if (seen.has(item.value)) shown.duplicates++;
        else {
          seen.add(item.value);
          events++;
          const behindMs = item.recordedAtMs - eventOf(item).atMs;
          if (behindMs < 0) shown.future++;
          else if (behindMs > 300 * 24 * hourMs) shown.past++;
          else if (behindMs >= 13 * minuteMs) shown.tooLate++;
          else if (behindMs >= 45 * secondMs) shown.late++;
          else if (behindMs >= secondMs) shown.disordered++;
        }
      }
      const { duplicates, poison, disordered, late, tooLate, future, past } = run.ledger;
      assert.deepEqual({ duplicates, poison, disordered, late, tooLate, future, past }, shown);
      assert.equal(run.ledger.events, events);
      assert.equal(run.ledger.sent, run.items.length);
    });
  }

  it("refuses what means nothing, naming it", () => {
    const wrong: [ScenarioOptions, RegExp][] = [
      [{ name: "concert", city: "atlantis" }, /city "atlantis".*bratislava, vienna, prague/],
      [{ name: "concert", factor: 0 }, /factor 0/],
      [{ name: "supply-drop", share: 1.1 }, /share 1.1/],
      [{ name: "fast-clock", forMs: 0 }, /forMs 0/],
      [{ name: "fast-clock", afterMs: -1 }, /afterMs -1/],
      [{ name: "silent-partition" }, /partition none/],
      [{ name: "silent-partition", partition: { ...partition, silent: 12 } }, /partition 12: wanted 0 to 11/],
    ];
    for (const [scenario, message] of wrong) {
      assert.throws(() => cityTraffic({ ...calm, scenario }), { code: "usage", message });
    }
    const scenario: ScenarioOptions = { name: "supply-drop" };
    assert.throws(() => cityTraffic({ ...calm, positionsShare: 0, scenario }), { code: "usage" });
  });
});

describe("a concert", () => {
  const requestsIn = (items: Sent[], wanted: (event: Event) => boolean) =>
    rideEventsOf(items).filter((event) =>
      event.event_type === "requested" && event.city === city && wanted(event)
    ).length;
  const plain = sentOf(calm).items;
  const run = staged("concert").items;

  it("doubles the requests of its city while it lasts, and only then", () => {
    const [usual, doubled] = [requestsIn(plain, during), requestsIn(run, during)];
    assert.deepEqual([usual, doubled], [1574, 2892]);
    // 1,495 is what the hours' demand of the city comes to in these twenty minutes.
    assert.ok(Math.abs(doubled - 2 * 1_495) < 4 * Math.sqrt(2 * 1_495), `${doubled} for twice 1,495`);
    // Of the difference of two Poisson counts four standard deviations: the one is 2n, twice the other has 4n.
    assert.ok(Math.abs(doubled - 2 * usual) < 4 * Math.sqrt(6 * usual), `${doubled} for ${usual}`);
    const after = (event: Event) => event.atMs >= untilMs;
    const [usualAfter, runAfter] = [requestsIn(plain, after), requestsIn(run, after)];
    assert.deepEqual([usualAfter, runAfter], [703, 671]);
    assert.ok(
      Math.abs(runAfter - usualAfter) < 4 * Math.sqrt(2 * usualAfter),
      `${runAfter} for ${usualAfter}`,
    );
  });

  it("doubles them from its first minute on", () => {
    const minutes = (items: Sent[], first: number) =>
      requestsIn(items, ({ atMs }) => atMs >= first && atMs < first + 3 * minuteMs);
    assert.ok(minutes(run, fromMs) > 1.5 * minutes(plain, fromMs));
    assert.ok(minutes(run, untilMs) < 1.5 * minutes(plain, untilMs));
  });

  it("takes the factor that is asked for", () => {
    const tripled = requestsIn(staged("concert", { factor: 3 }).items, during);
    const usual = requestsIn(plain, during);
    assert.ok(Math.abs(tripled - 3 * usual) < 4 * Math.sqrt(12 * usual), `${tripled} for ${usual}`);
  });

  it("brings no drivers: fewer of them are free", () => {
    const free = (items: Sent[]) =>
      items.filter((item) => item.topic === "driver-locations").map(eventOf).filter((event) =>
        event.city === city && event.status === "available" && event.atMs >= untilMs - 5 * minuteMs &&
        event.atMs < untilMs
      ).length;
    assert.ok(free(run) < 0.5 * free(plain), `${free(run)} points of free drivers for ${free(plain)}`);
  });
});

describe("a drop of supply", () => {
  const positions = { ...calm, ratePerMinute: 3_000, positionsShare: 0.98, cities: 2 };
  const { items } = sentOf({ ...positions, scenario: options("supply-drop", { share: 0.5 }) });
  const points = items.filter((item) => item.topic === "driver-locations").map(eventOf)
    .filter((event) => event.city === city);
  const drivers = new Set(points.map((point) => point.driver_id));
  const talking = (afterMs: number, beforeMs: number) =>
    new Set(
      points.filter(({ atMs, status }) => atMs >= afterMs && atMs < beforeMs && status !== "offline")
        .map((point) => point.driver_id),
    ).size;

  it("takes its share of the drivers away with a last word, and brings them back within two minutes", () => {
    const before = talking(fromMs - minuteMs, fromMs);
    const atTheEnd = talking(untilMs - minuteMs, untilMs);
    const afterwards = talking(untilMs + 3 * minuteMs, untilMs + 4 * minuteMs);
    // 84 of the 167 leave, half; of them six are still on a ride that began before.
    assert.deepEqual({ drivers: drivers.size, before, atTheEnd, afterwards }, {
      ...{ drivers: 167, before: 165, atTheEnd: 89, afterwards: 167 },
    });
  });

  it("lets them finish the ride that they are on", () => {
    const lastWords = points.filter((point) => point.status === "offline" && during(point));
    assert.ok(lastWords.length >= drivers.size * 0.4, `${lastWords.length}`);
    const busyUntil = new Map<string, { fromMs: number; untilMs: number }[]>();
    const accepted = new Map<string, Event>();
    for (const event of rideEventsOf(items)) {
      if (event.event_type === "accepted") accepted.set(event.ride_id, event);
      if (event.event_type !== "completed" && event.event_type !== "cancelled") continue;
      const start = accepted.get(event.ride_id);
      if (start === undefined) continue;
      const busy = busyUntil.get(start.driver_id!) ?? [];
      busy.push({ fromMs: start.atMs, untilMs: event.atMs });
      busyUntil.set(start.driver_id!, busy);
    }
    for (const { driver_id, atMs } of lastWords) {
      const busy = busyUntil.get(driver_id!) ?? [];
      assert.ok(!busy.some((ride) => ride.fromMs < atMs && atMs < ride.untilMs), `${driver_id} left a ride`);
    }
  });
});

describe("a burst of cancellations", () => {
  /** The rate of every window that ends on a minute, of the last outcome of each ride. */
  function rates(items: Sent[]): Map<number, number> {
    const outcomes = new Map<string, Event>();
    const cities = citiesOf(items);
    for (const event of rideEventsOf(items)) {
      if (cities.get(event.ride_id) !== city) continue;
      if (event.event_type === "completed" || event.event_type === "cancelled") {
        outcomes.set(event.ride_id, event);
      } else outcomes.delete(event.ride_id);
    }
    const found = new Map<number, number>();
    for (let endMs = fromMs; endMs <= untilMs + 9 * minuteMs; endMs += minuteMs) {
      const ended = [...outcomes.values()].filter(({ atMs }) => atMs < endMs && atMs >= endMs - 5 * minuteMs);
      found.set(
        (endMs - fromMs) / minuteMs,
        ended.filter((event) => event.event_type === "cancelled").length / ended.length,
      );
    }
    return found;
  }

  for (const [share, reachedAfter] of [[0.45, 3], [0.35, 3], [0.7, 15]] as const) {
    it(`brings the rate of five minutes to ${share} within ${reachedAfter} minutes and holds it there`, () => {
      const found = rates(staged("cancellation-burst", { share }).items);
      for (const [minute, rate] of found) {
        if (minute === 0) assert.ok(rate < 0.3, `${rate} before`);
        if (minute >= reachedAfter && minute <= 20) {
          assert.ok(Math.abs(rate - share) < 0.05, `${rate} after ${minute} minutes`);
        }
        if (minute === 29) assert.ok(rate < 0.3, `${rate} nine minutes after`);
      }
    });
  }

  it("is the drivers' doing", () => {
    const by = (items: Sent[], whom: string) =>
      rideEventsOf(items).filter((event) => during(event) && event.cancelled_by === whom).length;
    const [plain, run] = [sentOf(calm).items, staged("cancellation-burst").items];
    assert.ok(
      by(run, "driver") > 2.5 * by(plain, "driver"),
      `${by(run, "driver")} for ${by(plain, "driver")}`,
    );
    assert.ok(by(run, "rider") < 1.3 * by(plain, "rider"));
  });
});

describe("a silent partition", () => {
  it("sends what is sent otherwise, less its own partition while it is silent", () => {
    const plain = sentOf(everything).items;
    const lost = new Set<string>();
    const seen = new Set<string>();
    const wanted = plain.filter((item) => {
      if (item.topic !== "ride-events" || keyPartition(item.key) !== silent) return true;
      const again = seen.has(item.value);
      seen.add(item.value);
      if (again && lost.has(item.value)) return false;
      if (item.recordedAtMs < fromMs || item.recordedAtMs >= untilMs) return true;
      if (!again) lost.add(item.value);
      return false;
    });
    const run = sentOf({ ...everything, scenario: options("silent-partition") }).items;
    assert.ok(plain.length - wanted.length > 1_000);
    sameItems(run, wanted);
  });
});

describe("fast clocks", () => {
  const plain = sentOf(calm).items;
  const run = staged("fast-clock", { share: 0.2 });
  const pairs = plain.map((item, i) => ({ usual: eventOf(item), seen: eventOf(run.items[i]!), i }));
  const owner = (event: Fields) =>
    event.event_type === undefined ? event.driver_id : event.user_id ?? event.driver_id;
  const ofCity = (event: Fields) => owner(event)?.includes(`-${city}-`) ?? false;

  it("are ahead by an hour, each phone with everything it sends, and nothing else is changed", () => {
    const fast = new Map<string, boolean>();
    for (const { usual, seen, i } of pairs) {
      const aheadMs = seen.atMs - usual.atMs;
      assert.equal(run.items[i]!.value.replace(seen.timestamp, usual.timestamp), plain[i]!.value);
      assert.equal(run.items[i]!.recordedAtMs, plain[i]!.recordedAtMs);
      if (!during(usual) || !ofCity(usual)) assert.equal(aheadMs, 0);
      else {
        assert.ok(aheadMs === 0 || aheadMs === hourMs, `${aheadMs} ms ahead`);
        assert.equal(fast.get(owner(usual)!) ?? (aheadMs > 0), aheadMs > 0);
        fast.set(owner(usual)!, aheadMs > 0);
      }
    }
    const share = [...fast.values()].filter(Boolean).length / fast.size;
    assert.ok(Math.abs(share - 0.2) < 4 * Math.sqrt(0.16 / fast.size), `${share} of ${fast.size} phones`);
  });

  it("are counted as ahead of their time", () => {
    const ahead = pairs.filter(({ usual, seen }) => seen.atMs > usual.atMs).length;
    assert.equal(run.ledger.future, ahead);
    assert.ok(ahead > 1_000);
  });
});
