/**
 * The usual point of a driver on its row, for positions in their plain form: newer than all that it has sent before.
 * Nine of ten positions are that, and need no object.
 *
 * What is odd about a driver or a point is refused here and goes to decideDriver(), which decides the same for the
 * usual ones too (tests/unit/stages/usual_points_test.ts holds the two together).
 */
import { boundaryFor, cellOf, freshMs, isJump } from "../../actors/driver.ts";
import { driverStatuses } from "../../schemas/driver_location.ts";
import { type DriverLocationScan, locationTexts } from "../codec/scan_driver_location.ts";
import { limits } from "../limits.ts";
import * as at from "./driver_columns.ts";
import { type DriverRows, noRow } from "./driver_rows.ts";
import type { SupplyCounts } from "./supply_counts.ts";

const available = driverStatuses.indexOf("available");

export class UsualPoints {
  readonly #drivers: DriverRows;
  readonly #counts: SupplyCounts;
  readonly #cellResolution: number;
  /** Where the driver was before. */
  readonly #before = { latestMs: 0, lat: 0, lng: 0 };

  constructor(drivers: DriverRows, counts: SupplyCounts, cellResolution: number) {
    this.#drivers = drivers;
    this.#counts = counts;
    this.#cellResolution = cellResolution;
  }

  /** Whether the point is a usual one of the driver in the row; `noRow` for one that is not known. */
  isUsual(row: number, { timeMs }: DriverLocationScan): boolean {
    if (row === noRow) return true;
    const { columns } = this.#drivers;
    // What is newer than all before has not been seen.
    return timeMs > columns.number(row, at.latestMs) &&
      columns.int(row, at.seenCount) < limits.driverPointsMax;
  }

  /** Writes the point to the row, and counts the driver as what it is at the next boundary. */
  take(row: number, point: DriverLocationScan, bytes: Uint8Array, closedMs: number): void {
    const drivers = this.#drivers;
    const { numbers, ints } = drivers.columns.page(row);
    const [n, i] = [drivers.columns.numbersAt(row), drivers.columns.intsAt(row)];
    this.#before.latestMs = numbers[n + at.latestMs]!;
    this.#before.lat = numbers[n + at.lat]!;
    this.#before.lng = numbers[n + at.lng]!;
    if (isJump(this.#before, point)) ints[i + at.jumps]!++;
    numbers[n + at.lat] = point.lat;
    numbers[n + at.lng] = point.lng;
    numbers[n + at.speedKmh] = point.speedKmh ?? -1;
    numbers[n + at.heading] = point.heading ?? -1;
    numbers[n + at.latestMs] = point.timeMs;
    if (point.city !== null && point.city !== drivers.words.word(ints[i + at.city]!)) {
      ints[i + at.city] = drivers.word(point.city);
    }
    const rideFrom = point.from(locationTexts.ride_id);
    if (rideFrom < 0) drivers.clearRide(row);
    else drivers.setRide(row, bytes, rideFrom, point.to(locationTexts.ride_id));
    if (point.status !== null) ints[i + at.status] = driverStatuses.indexOf(point.status) + 1;
    if (ints[i + at.status] !== 0) this.#speak(row, point, ints[i + at.status]! - 1, closedMs);
  }

  /** supplyAfter() of actors/driver.ts, for a point that is newer than whatever spoke before. */
  #speak(row: number, point: DriverLocationScan, status: number, closedMs: number): void {
    const drivers = this.#drivers;
    const { supply } = drivers;
    supply.dropUntil(row, closedMs);
    const boundaryMs = boundaryFor(point.timeMs);
    if (boundaryMs <= closedMs || boundaryMs - point.timeMs >= freshMs) return;
    const city = drivers.words.word(drivers.columns.int(row, at.city)) ?? "unknown";
    // The dearest step of a position: only where it counts.
    const cell = status === available ? cellOf(point, this.#cellResolution) : null;
    let node = supply.find(row, boundaryMs);
    if (node === at.none) node = supply.insert(row, boundaryMs);
    else {
      const before = drivers.words.word(supply.city(node))!;
      if (supply.status(node) === status && before === city && supply.isIn(node, cell)) {
        return supply.setAt(node, point.timeMs);
      }
      this.#counts.add(boundaryMs, before, supply.status(node), supply.cell(node), -1);
    }
    supply.setAt(node, point.timeMs);
    supply.set(node, status, drivers.word(city), cell);
    this.#counts.add(boundaryMs, city, status, cell, 1);
  }
}
