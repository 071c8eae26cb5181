/**
 * The driver actor: (driver, position) → changes and effects, pure.
 *
 * Supply is "as of boundary B": the status of the driver's latest point in (B − fresh, B]. Each point can
 * speak for one boundary only, so the gauge is kept up to date per event and never by a scan.
 */
import { latLngToCell } from "h3-js";
import { minuteMs, secondMs } from "../src/time.ts";
import type { DriverLocation, DriverStatus } from "../schemas/driver_location.ts";

/** A driver counts as supply at a boundary when its last point is younger than this. */
export const freshMs = 30 * secondMs;
/** Implied speed between two points above which the later one is flagged as a jump, km/h. */
export const jumpKmh = 200;
/** Points further apart in time say nothing about speed. */
const jumpGapMsMax = 2 * minuteMs;
/** H3 resolution of a driver's cell (0.74 km² a cell). */
const cellResolution = 8;

export type Driver = {
  id: string;
  city: string | null;
  status: DriverStatus | null;
  lat: number;
  lng: number;
  speedKmh: number | null;
  heading: number | null;
  rideId: string | null;
  /** Event time of the newest point. */
  latestMs: number;
  jumps: number;
  /** What the driver counts as at boundaries that are still open, oldest first. */
  supply: SupplyPoint[];
};

export type SupplyPoint = { boundaryMs: number; atMs: number; status: DriverStatus; city: string };

export type DriverEffect = {
  kind: "supply";
  by: 1 | -1;
  boundaryMs: number;
  status: DriverStatus;
  city: string;
};

export type DriverStep = { changes: Partial<Driver>; effects: DriverEffect[] };

export type DriverContext = {
  /** Boundaries up to this one are closed. */
  closedMs: number;
};

export function newDriver(id: string): Driver {
  return {
    id,
    city: null,
    status: null,
    lat: 0,
    lng: 0,
    speedKmh: null,
    heading: null,
    rideId: null,
    latestMs: -1,
    jumps: 0,
    supply: [],
  };
}

/** What the position does to the driver. Writes nothing. */
export function decideDriver(driver: Driver, point: DriverLocation, context: DriverContext): DriverStep {
  const newest = point.timeMs >= driver.latestMs;
  const city = point.city ?? driver.city;
  const status = point.status ?? driver.status;
  const effects: DriverEffect[] = [];
  const changes: Partial<Driver> = newest
    ? {
      city,
      status,
      lat: point.lat,
      lng: point.lng,
      speedKmh: point.speedKmh,
      heading: point.heading,
      rideId: point.rideId,
      latestMs: point.timeMs,
      jumps: driver.jumps + (isJump(driver, point) ? 1 : 0),
    }
    : { city: driver.city ?? point.city, status: driver.status ?? point.status };
  if (status !== null) {
    const spoken = {
      boundaryMs: boundaryFor(point.timeMs),
      atMs: point.timeMs,
      status,
      city: city ?? "unknown",
    };
    changes.supply = supplyAfter(driver.supply, spoken, context.closedMs, effects);
  }
  return { changes, effects };
}

/** Writes what was decided. */
export function applyDriver(driver: Driver, step: DriverStep): void {
  Object.assign(driver, step.changes);
}

/** The H3 cell of the driver's last position. */
export function cellOf(driver: Pick<Driver, "lat" | "lng">): string {
  return latLngToCell(driver.lat, driver.lng, cellResolution);
}

const boundaryFor = (timeMs: number) => Math.ceil(timeMs / minuteMs) * minuteMs;

function supplyAfter(
  held: SupplyPoint[],
  spoken: SupplyPoint,
  closedMs: number,
  effects: DriverEffect[],
): SupplyPoint[] {
  const open = held.length > 0 && held[0]!.boundaryMs <= closedMs
    ? held.filter((s) => s.boundaryMs > closedMs)
    : held;
  if (spoken.boundaryMs <= closedMs || spoken.boundaryMs - spoken.atMs >= freshMs) return open;
  const before = open.find((s) => s.boundaryMs === spoken.boundaryMs);
  if (before !== undefined && before.atMs > spoken.atMs) return open;
  if (before !== undefined && before.status === spoken.status && before.city === spoken.city) {
    return open.map((s) => s === before ? spoken : s);
  }
  if (before !== undefined) {
    effects.push({
      kind: "supply",
      by: -1,
      boundaryMs: before.boundaryMs,
      status: before.status,
      city: before.city,
    });
  }
  effects.push({
    kind: "supply",
    by: 1,
    boundaryMs: spoken.boundaryMs,
    status: spoken.status,
    city: spoken.city,
  });
  return [...open.filter((s) => s !== before), spoken].sort((a, b) => a.boundaryMs - b.boundaryMs);
}

function isJump(driver: Driver, point: DriverLocation): boolean {
  const gapMs = point.timeMs - driver.latestMs;
  if (driver.latestMs < 0 || gapMs > jumpGapMsMax) return false;
  const metres = distanceMetres(driver, point);
  return gapMs === 0 ? metres > 50 : metres / 1_000 / (gapMs / 3_600_000) > jumpKmh;
}

/** Great-circle distance (haversine on a sphere of 6,371 km). */
export function distanceMetres(a: { lat: number; lng: number }, b: { lat: number; lng: number }): number {
  const radians = Math.PI / 180;
  const dLat = (b.lat - a.lat) * radians;
  const dLng = (b.lng - a.lng) * radians;
  const h = Math.sin(dLat / 2) ** 2 +
    Math.cos(a.lat * radians) * Math.cos(b.lat * radians) * Math.sin(dLng / 2) ** 2;
  return 2 * 6_371_000 * Math.asin(Math.min(1, Math.sqrt(h)));
}
