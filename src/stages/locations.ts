/**
 * Stage `locations`: driver-locations → driver actors → supply per city as of each minute boundary.
 *
 * It has no panes: what the cities learn from it are closing registers and its watermark.
 */
import { applyDriver, decideDriver, type Driver, newDriver } from "../../actors/driver.ts";
import { type DriverLocation, driverStatuses } from "../../schemas/driver_location.ts";
import { parseDriverLocation } from "../codec/driver_location.ts";
import { type Rejection, shown } from "../codec/rejection.ts";
import { DriverLocationScan, locationTexts } from "../codec/scan_driver_location.ts";
import type { Fold, FoldEntry, FoldStatus, IdleDeclaration, LogRecord, Outbox, Stage } from "../fold.ts";
import { hash64, hashAscii } from "../ids.ts";
import { invariant } from "../invariant.ts";
import { limits } from "../limits.ts";
import type { CellTableState } from "../windows/cells.ts";
import type { BoundaryGaugeState } from "../windows/gauges.ts";
import type { Ledger } from "../windows/ledger.ts";
import { paneStart } from "../windows/settings.ts";
import { usualMs } from "../windows/trailing.ts";
import { boundariesMax, type StageContext } from "./context.ts";
import * as at from "./driver_columns.ts";
import { driversEntries, type DriversEntry, restoreDrivers } from "./driver_entries.ts";
import { type DriverMemory, DriverRows, noRow } from "./driver_rows.ts";
import { Intake } from "./intake.ts";
import { type Ahead, PartialWriter } from "./partial_writer.ts";
import { SupplyCounts } from "./supply_counts.ts";
import { UsualPoints } from "./usual_points.ts";

export class LocationsFold implements Fold {
  readonly #context: StageContext;
  readonly #boundariesMax: number;
  readonly #intake: Intake;
  readonly #counts = new SupplyCounts();
  readonly #writer: PartialWriter;
  readonly #drivers: DriverRows;
  readonly #usual: UsualPoints;
  readonly #scan = new DriverLocationScan();
  /** High and low half of what was hashed last. */
  readonly #hash = new Uint32Array(2);
  readonly #accepts = (timeMs: number): boolean => this.#intake.watermark.accepts(timeMs);
  readonly #hasShortWay: boolean;
  readonly #decide: typeof decideDriver;
  #nextOffset = 0;

  /** With `decide`, all points go the long way and are decided by that: for comparing, and for faults. */
  constructor(context: StageContext, partition: number, { decide }: { decide?: typeof decideDriver } = {}) {
    this.#hasShortWay = decide === undefined;
    this.#decide = decide ?? decideDriver;
    this.#context = context;
    this.#boundariesMax = boundariesMax(context.windows, 0);
    this.#intake = new Intake(context, "driver-locations", partition);
    this.#writer = new PartialWriter(context, "driver-locations", partition);
    this.#drivers = new DriverRows((latestMs) => latestMs + context.driverMs);
    this.#usual = new UsualPoints(this.#drivers, this.#counts, context.cellResolution);
  }

  fold(record: LogRecord, out: Outbox): void {
    this.#nextOffset = record.offset + 1;
    if (this.#scan.scan(record.value)) {
      const { driver_id } = locationTexts;
      this.#intake.readBytes(record, this.#scan.from(driver_id), this.#scan.to(driver_id));
      if (!this.#takeUsual(record)) this.#take(record, this.#scan.event(), out);
    } else {
      const decoded = parseDriverLocation(record.value);
      this.#intake.read(decoded.ok ? decoded.event.driverId : null);
      if (decoded.ok) this.#take(record, decoded.event, out);
      else this.#intake.deadLetter(record, decoded, out);
    }
    this.#intake.check();
  }

  /** The short way of a point that is on time, and newer than its driver's others; false for all others. */
  #takeUsual(record: LogRecord): boolean {
    const [point, drivers, bytes] = [this.#scan, this.#drivers, record.value];
    const { timeMs } = point;
    if (!this.#hasShortWay) return false;
    if (this.#intake.watermark.classify(timeMs, record.timestampMs) !== "on_time") return false;
    if (this.#counts.size >= limits.panesPerPartitionMax) return false;
    const [from, to] = [point.from(locationTexts.driver_id), point.to(locationTexts.driver_id)];
    const known = drivers.find(bytes, from, to);
    if (known === noRow && drivers.size >= limits.driversPerPartitionMax) return false;
    if (!this.#usual.isUsual(known, point)) return false;
    const row = known === noRow ? drivers.add(bytes, from, to) : known;
    this.#usual.take(row, point, bytes, this.#closedMs());
    this.#note(row, record, point, this.#identityIn(bytes));
    if (known === noRow) drivers.enter(row);
    this.#intake.counted();
    this.#advance(timeMs, record);
    return true;
  }

  #take(record: LogRecord, point: DriverLocation, out: Outbox): void {
    const timeliness = this.#intake.watermark.classify(point.timeMs, record.timestampMs);
    const row = this.#drivers.findId(point.driverId);
    const refuse = (code: string) => {
      if (row !== noRow) this.#drivers.refuse(row, { code, offset: record.offset, atMs: record.timestampMs });
    };
    if (timeliness === "future") {
      refuse("event_time_future");
      this.#intake.tooEarly(record, point.timeMs, out);
      return;
    }
    const id = identity(point);
    if (row !== noRow && this.#drivers.seen.has(row, point.timeMs, id)) {
      refuse("duplicate");
      this.#intake.duplicate();
    } else if (timeliness === "too_late") {
      refuse("too_late");
      this.#intake.late(record, point.timeMs, "too_late", out);
    } else {
      const full = this.#full(row, point);
      if (full !== null) {
        refuse(full.code);
        this.#intake.deadLetter(record, full, out);
        return;
      }
      if (!this.#apply(row, record, point, id, out)) return;
      if (timeliness === "late") this.#intake.late(record, point.timeMs, "late", out);
    }
    this.#advance(point.timeMs, record);
  }

  /** What the point cannot be applied for: a bound that keeps one producer from taking all the memory. */
  #full(row: number, point: DriverLocation): Rejection | null {
    if (row !== noRow && this.#seenPoints(row) >= limits.driverPointsMax) {
      this.#drivers.seen.keep(row, this.#accepts);
      if (this.#seenPoints(row) >= limits.driverPointsMax) {
        const message =
          `driver_id ${point.driverId} has ${limits.driverPointsMax} points that could come again; allowed: no more`;
        return { code: "driver_points_exceeded", field: "driver_id", message };
      }
    }
    if (this.#counts.size < limits.panesPerPartitionMax) return null;
    const message = `city is ${
      shown(point.city)
    }; the partition holds ${this.#counts.size} cities and minutes already; allowed: no more`;
    return { code: "cities_exceeded", field: "city", message };
  }

  #seenPoints(row: number): number {
    return this.#drivers.columns.int(row, at.seenCount);
  }

  /** Decides first and writes then: a throw in between costs the record only. */
  #apply(known: number, record: LogRecord, point: DriverLocation, id: number, out: Outbox): boolean {
    const driver: Driver = known === noRow ? newDriver(point.driverId) : this.#drivers.driver(known);
    let step;
    try {
      step = this.#decide(driver, point, {
        closedMs: this.#closedMs(),
        cellResolution: this.#context.cellResolution,
      });
    } catch (thrown) {
      this.#intake.handlerThrew(record, thrown, out);
      return false;
    }
    for (const { boundaryMs, city, status, cell, by } of step.effects) {
      this.#counts.add(boundaryMs, city, driverStatuses.indexOf(status), cell, by);
    }
    applyDriver(driver, step);
    const row = known === noRow ? this.#newRow(point.driverId) : known;
    this.#drivers.write(row, driver);
    this.#note(row, record, point, id);
    if (known === noRow) this.#drivers.enter(row);
    this.#intake.counted();
    return true;
  }

  #newRow(driverId: string): number {
    if (this.#drivers.size >= limits.driversPerPartitionMax) {
      this.#drivers.evictOldest();
      this.#intake.ledger.evicted_by_cap++;
    }
    return this.#drivers.addId(driverId);
  }

  /** Keeps the ids of points that could still come again in time, and a short trail. */
  #note(row: number, record: LogRecord, point: DriverLocation | DriverLocationScan, id: number): void {
    const { seen, trail } = this.#drivers;
    seen.add(row, point.timeMs, id);
    const count = this.#seenPoints(row);
    if (count >= 32 && count % 16 === 0) seen.keep(row, this.#accepts);
    const status = point.status === null ? -1 : driverStatuses.indexOf(point.status);
    trail.add(row, point.timeMs, record.timestampMs, record.offset, point.lat, point.lng, status);
  }

  /** Boundaries up to this one are closed. */
  #closedMs(): number {
    const watermarkMs = this.#intake.watermark.ms;
    return watermarkMs === null ? -Infinity : paneStart(watermarkMs);
  }

  /** identity() of the point that was scanned. */
  #identityIn(bytes: Uint8Array): number {
    const from = this.#scan.from(locationTexts.event_id);
    if (from < 0) return 0;
    hashAscii(bytes, from, this.#scan.to(locationTexts.event_id), this.#hash);
    return identityOf(this.#hash[0]!, this.#hash[1]!);
  }

  #advance(eventMs: number, record: LogRecord): void {
    const passed = this.#intake.watermark.advance(eventMs, record.timestampMs, this.#boundariesMax);
    for (const boundaryMs of passed) this.#close(boundaryMs, true);
    if (passed.length === 0) return;
    this.#drivers.evictDue(this.#intake.watermark.ms!);
  }

  /** The closing register of each city that has drivers at the boundary. */
  #close(boundaryMs: number, passed: boolean): void {
    for (const { city, values, cells } of this.#counts.closings(boundaryMs, passed)) {
      this.#writer.close([city, boundaryMs, this.#nextOffset, values, cells]);
    }
  }

  flush(out: Outbox): boolean {
    this.#writer.flush([], this.#nextOffset, this.#intake.watermark.ms, out);
    return true;
  }

  idle(at: IdleDeclaration, out: Outbox): void {
    this.#writer.idle(at, this.#ahead(), out);
  }

  end(nextOffset: number, out: Outbox): void {
    this.#writer.end(nextOffset, this.#ahead(), out);
  }

  #ahead(): Ahead {
    return {
      watermark: this.#intake.watermark,
      most: this.#boundariesMax,
      close: (boundaryMs) => this.#close(boundaryMs, false),
    };
  }

  markAll(): void {}

  since(offset: number): void {
    this.#intake.ledger.since_offset = offset;
    this.#nextOffset = offset;
  }

  *entries(): Generator<FoldEntry> {
    invariant(this.#writer.pending === 0, "a snapshot is taken after a flush");
    yield [
      "head",
      this.#nextOffset,
      this.#intake.watermark.ms,
      this.#intake.ledger,
      this.#intake.failures,
      ...this.#counts.state(),
    ];
    for (const entry of driversEntries(this.#drivers)) yield ["drivers", ...entry];
  }

  restore([kind, ...data]: FoldEntry): void {
    switch (kind) {
      case "head": {
        const [nextOffset, watermarkMs, ledger, failures, supply, cells] = data;
        this.#nextOffset = nextOffset as number;
        this.#intake.watermark.restore(watermarkMs as number | null);
        this.#intake.ledger = ledger as Ledger;
        this.#intake.failures = failures as number;
        this.#counts.restore([supply as BoundaryGaugeState, cells as CellTableState]);
        break;
      }
      case "drivers":
        restoreDrivers(this.#drivers, data as DriversEntry);
        break;
      case "driver":
        this.#drivers.restore(data[0] as DriverMemory);
        break;
      default:
        invariant(false, `a snapshot of locations has no entries of kind ${kind}`);
    }
  }

  status(): FoldStatus {
    return { watermarkMs: this.#intake.watermark.ms, actors: { driver: this.#drivers.size } };
  }

  get ledger(): Ledger {
    return this.#intake.ledger;
  }

  /** Every driver in memory. May be walked in slices: one that leaves or comes meanwhile may be missed. */
  *actors(): Generator<Pick<DriverMemory, "driver">> {
    for (const row of this.#drivers.rows()) yield { driver: this.#drivers.driver(row) };
  }

  driver(id: string): DriverMemory | undefined {
    const row = this.#drivers.findId(id);
    return row === noRow ? undefined : this.#drivers.memory(row);
  }
}

/** What tells one point of a driver from another at the same time: its event id, else nothing. */
function identity(point: DriverLocation): number {
  if (point.eventId === null) return 0;
  const { high, low } = hash64(point.eventId);
  return identityOf(high, low);
}

/** 53 bits of a hash, as one number. */
const identityOf = (high: number, low: number): number => (high & 0x1fffff) * 2 ** 32 + low;

export function locationsStage(context: StageContext): Stage<LocationsFold> {
  return {
    name: "locations",
    source: "driver-locations",
    declaresIdle: true,
    flushPhase: 0,
    warmUpMs: context.driverMs + context.windows.windowMs + context.windows.latenessMs,
    takesOver: { atMs: context.cut.fromMs, aheadMs: usualMs },
    create: (partition) => new LocationsFold(context, partition),
  };
}
