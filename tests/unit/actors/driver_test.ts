import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  applyDriver,
  cellOf,
  decideDriver,
  distanceMetres,
  type Driver,
  type DriverEffect,
  newDriver,
} from "../../../actors/driver.ts";
import { type DriverLocation, driverStatuses } from "../../../schemas/driver_location.ts";

const t0 = Date.UTC(2026, 0, 15, 18);
const minute = 60_000;

function point(atS: number, over: Partial<DriverLocation> = {}): DriverLocation {
  return {
    driverId: "d",
    timeMs: t0 + atS * 1_000,
    eventId: null,
    lat: 48,
    lng: 17,
    city: "x",
    status: "available",
    speedKmh: null,
    heading: null,
    accuracyM: null,
    rideId: null,
    ...over,
  };
}

function driverAfter(points: DriverLocation[], closedMs = -Infinity) {
  const driver = newDriver("d");
  const effects: DriverEffect[] = [];
  for (const p of points) {
    const step = decideDriver(driver, p, { closedMs, cellResolution: 8 });
    applyDriver(driver, step);
    effects.push(...step.effects);
  }
  return { driver, effects };
}

/** boundary, city and status → count, without the zeros. */
function supply(effects: DriverEffect[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const e of effects) {
    const key = `${(e.boundaryMs - t0) / 1_000} ${e.city} ${e.status}`;
    counts.set(key, (counts.get(key) ?? 0) + e.by);
  }
  return new Map([...counts].filter(([, n]) => n !== 0));
}

describe("decideDriver: supply", () => {
  const cases: [name: string, atS: number, boundaryS: number | null][] = [
    ["at the boundary", 60, 60],
    ["a second before it", 59, 60],
    ["29.999 s before it", 30.001, 60],
    ["30 s before it: too old", 30, null],
    ["just after the one before", 0.001, null],
  ];
  for (const [name, atS, boundaryS] of cases) {
    it(`a point ${name}`, () => {
      const expected = boundaryS === null ? [] : [[`${boundaryS} x available`, 1]];
      assert.deepEqual([...supply(driverAfter([point(atS)]).effects)], expected);
    });
  }

  it("at each boundary it is the latest point in (B − 30 s, B], in whatever order the points came", () => {
    const points = fc.uniqueArray(
      fc.record({
        atS: fc.integer({ min: 0, max: 240 }),
        status: fc.constantFrom(...driverStatuses),
        city: fc.constantFrom("x", "y"),
      }),
      { selector: (p) => p.atS, maxLength: 25 },
    ).chain((all) => fc.shuffledSubarray(all, { minLength: all.length }));
    fc.assert(fc.property(points, (shuffled) => {
      const { effects } = driverAfter(shuffled.map(({ atS, ...rest }) => point(atS, rest)));
      const expected = new Map<string, number>();
      for (let boundary = 0; boundary <= 240; boundary += 60) {
        const latest = shuffled.filter((p) => p.atS > boundary - 30 && p.atS <= boundary)
          .toSorted((a, b) => b.atS - a.atS)[0];
        if (latest !== undefined) expected.set(`${boundary} ${latest.city} ${latest.status}`, 1);
      }
      assert.deepEqual(new Map([...supply(effects)].sort()), new Map([...expected].sort()));
    }));
  });

  it("a point for a closed boundary changes nothing, and what was held for it is forgotten", () => {
    const driver: Driver = driverAfter([point(50), point(110)]).driver;
    const step = decideDriver(driver, point(55, { status: "offline" }), {
      closedMs: t0 + minute,
      cellResolution: 8,
    });
    assert.deepEqual(step.effects, []);
    applyDriver(driver, step);
    assert.deepEqual(driver.supply.map((s) => s.boundaryMs), [t0 + 2 * minute]);
  });

  it("without status or city a point has the driver's last ones, without any it counts as unknown", () => {
    const bare = { status: null, city: null };
    assert.deepEqual([...supply(driverAfter([point(10), point(50, bare)]).effects)], [["60 x available", 1]]);
    assert.deepEqual([...supply(driverAfter([point(50, bare)]).effects)], []);
    assert.deepEqual([...supply(driverAfter([point(50, { city: null })]).effects)], [[
      "60 unknown available",
      1,
    ]]);
  });
});

describe("decideDriver: position", () => {
  it("the newest point stands; an older one only fills in what was not known", () => {
    const { driver } = driverAfter([
      point(50, { lat: 1, city: null, status: null }),
      point(40, { lat: 2, city: "y", status: "on_trip", rideId: "r" }),
      point(30, { lat: 3, city: "z", status: "offline" }),
    ]);
    assert.deepEqual(
      [driver.lat, driver.city, driver.status, driver.rideId, driver.latestMs],
      [1, "y", "on_trip", null, t0 + 50_000],
    );
  });

  // One degree of latitude is 111,195 m on this sphere.
  const jumps: [name: string, gapS: number, degrees: number, jumps: number][] = [
    ["200 km/h is none", 60, 200 / 60 / 111.2, 0],
    ["201 km/h is one", 60, 201 / 60 / 111.19, 1],
    ["the same second, 40 m: none", 0, 40 / 111_195, 0],
    ["the same second, 60 m: one", 0, 60 / 111_195, 1],
    ["after more than 2 minutes nothing is said", 121, 5, 0],
    ["an older point is none", -5, 5, 0],
  ];
  for (const [name, gapS, degrees, expected] of jumps) {
    it(`jumps: ${name}`, () => {
      const { driver } = driverAfter([point(100), point(100 + gapS, { lat: 48 + degrees })]);
      assert.equal(driver.jumps, expected);
    });
  }

  it("the first point is no jump", () => assert.equal(driverAfter([point(0)]).driver.jumps, 0));

  it("distanceMetres: Bratislava to Vienna is 55 km, and there and back is as far", () => {
    const [bratislava, vienna] = [{ lat: 48.1486, lng: 17.1077 }, { lat: 48.2082, lng: 16.3738 }];
    const metres = distanceMetres(bratislava, vienna);
    assert.ok(Math.abs(metres - 54_800) < 500, `${metres}`);
    assert.equal(distanceMetres(vienna, bratislava), metres);
    assert.equal(distanceMetres(vienna, vienna), 0);
  });

  it("cellOf is the H3 cell of resolution 8", () => {
    assert.match(cellOf(driverAfter([point(0)]).driver, 8), /^88[0-9a-f]{13}$/);
  });
});
