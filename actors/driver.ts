/**
 * The driver actor: (driver, position) → changes and effects, pure.
 *
 * Supply is "as of boundary B": the status of the driver's latest point in (B − fresh, B]. Each point can
 * speak for one boundary only, so the gauge is kept up to date per event and never by a scan.
 */
import { cellAt } from "./cell.ts";
import { minuteMs, secondMs } from "../src/time.ts";
import type { DriverLocation, DriverStatus } from "../schemas/driver_location.ts";

/** A driver counts as supply at a boundary when its last point is younger than this. */
export const freshMs = 30 * secondMs;
/** Implied speed between two points above which the later one is flagged as a jump, km/h. */
export const jumpKmh = 200;
/** Points further apart in time say nothing about speed. */
const jumpGapMsMax = 2 * minuteMs;

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

export type SupplyPoint = {
  boundaryMs: number;
  atMs: number;
  status: DriverStatus;
  city: string;
  /** H3 cell of an available driver: where the supply is. Null for others. */
  cell: string | null;
};

export type DriverEffect = {
  kind: "supply";
  by: 1 | -1;
  boundaryMs: number;
  status: DriverStatus;
  city: string;
  cell: string | null;
};

export type DriverStep = { changes: Partial<Driver>; effects: DriverEffect[] };

export type DriverContext = {
  /** Boundaries up to this one are closed. */
  closedMs: number;
  /** H3 resolution of cells. */
  cellResolution: number;
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
    changes.supply = supplyAfter(driver.supply, { point, status, city: city ?? "unknown" }, context, effects);
  }
  return { changes, effects };
}

/** Writes what was decided. */
export function applyDriver(driver: Driver, step: DriverStep): void {
  Object.assign(driver, step.changes);
}

/** The H3 cell of the driver's last position. */
export function cellOf(driver: Pick<Driver, "lat" | "lng">, resolution: number): string {
  return cellAt(driver, resolution);
}

/** The boundary that a point of this time may speak for. */
export const boundaryFor = (timeMs: number) => Math.ceil(timeMs / minuteMs) * minuteMs;

type Speaking = { point: DriverLocation; status: DriverStatus; city: string };

function supplyAfter(
  held: SupplyPoint[],
  { point, status, city }: Speaking,
  { closedMs, cellResolution }: DriverContext,
  effects: DriverEffect[],
): SupplyPoint[] {
  const open = held.length > 0 && held[0]!.boundaryMs <= closedMs
    ? held.filter((s) => s.boundaryMs > closedMs)
    : held;
  const boundaryMs = boundaryFor(point.timeMs);
  if (boundaryMs <= closedMs || boundaryMs - point.timeMs >= freshMs) return open;
  const before = open.find((s) => s.boundaryMs === boundaryMs);
  if (before !== undefined && before.atMs > point.timeMs) return open;
  // The dearest step of a position: only where it counts.
  const cell = status === "available" ? cellAt(point, cellResolution) : null;
  const spoken: SupplyPoint = { boundaryMs, atMs: point.timeMs, status, city, cell };
  if (before !== undefined && before.status === status && before.city === city && before.cell === cell) {
    return open.map((s) => s === before ? spoken : s);
  }
  if (before !== undefined) effects.push(effectOf(before, -1));
  effects.push(effectOf(spoken, 1));
  return [...open.filter((s) => s !== before), spoken].sort((a, b) => a.boundaryMs - b.boundaryMs);
}

const effectOf = ({ boundaryMs, status, city, cell }: SupplyPoint, by: 1 | -1): DriverEffect => ({
  kind: "supply",
  by,
  boundaryMs,
  status,
  city,
  cell,
});

/** Whether the driver cannot have driven from where it was to the point. */
export function isJump(
  driver: Pick<Driver, "latestMs" | "lat" | "lng">,
  point: Pick<DriverLocation, "timeMs" | "lat" | "lng">,
): boolean {
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
