/**
 * Stage `locations`: driver-locations → driver actors → supply per city as of each minute boundary.
 *
 * It has no panes: what the cities learn from it are closing registers and its watermark.
 */
import { applyDriver, decideDriver, type Driver, newDriver } from "../../actors/driver.ts";
import { driverStatuses } from "../../schemas/driver_location.ts";
import type { DriverLocation, DriverStatus } from "../../schemas/driver_location.ts";
import { parseDriverLocation } from "../codec/driver_location.ts";
import { type Rejection, shown } from "../codec/rejection.ts";
import { DriverLocationScan, locationTexts } from "../codec/scan_driver_location.ts";
import type { Fold, FoldEntry, FoldStatus, IdleDeclaration, LogRecord, Outbox, Stage } from "../fold.ts";
import { hash64 } from "../ids.ts";
import { invariant } from "../invariant.ts";
import { limits } from "../limits.ts";
import { type CellCounts, CellTable, type CellTableState } from "../windows/cells.ts";
import { BoundaryGauge, type BoundaryGaugeState } from "../windows/gauges.ts";
import type { Ledger } from "../windows/ledger.ts";
import { paneMs, paneStart } from "../windows/settings.ts";
import { usualMs } from "../windows/trailing.ts";
import { ActorTable } from "./actor_table.ts";
import { boundariesMax, type StageContext } from "./context.ts";
import { Intake, noteRefusal, type Refused } from "./intake.ts";
import { supplyFields } from "./pane_fields.ts";
import { type Ahead, PartialWriter } from "./partial_writer.ts";

/** A driver with the points it has seen lately (`seen`: event time ms, id as one number) and its trail. */
export type DriverMemory = { driver: Driver; seen: number[]; trail: number[]; refused: Refused | null };
/** event time ms, record time ms, offset, lat, lng, index of the status (−1 unknown). */
export const trailStride = 6;

const supplyField: Partial<Record<DriverStatus, number>> = Object.fromEntries(
  supplyFields.map((name, i) => [name, i]),
);

export class LocationsFold implements Fold {
  readonly #context: StageContext;
  readonly #boundariesMax: number;
  readonly #intake: Intake;
  readonly #supply = new BoundaryGauge(supplyFields.length);
  /** Where the available drivers of a boundary are. */
  readonly #cells = new CellTable(limits.cellsPerCityMax, paneMs);
  readonly #writer: PartialWriter;
  readonly #drivers: ActorTable<DriverMemory>;
  readonly #scan = new DriverLocationScan();
  #nextOffset = 0;

  constructor(context: StageContext, partition: number) {
    this.#context = context;
    this.#boundariesMax = boundariesMax(context.windows, 0);
    this.#intake = new Intake(context, "driver-locations", partition);
    this.#writer = new PartialWriter(context, "driver-locations", partition);
    this.#drivers = new ActorTable(({ driver }) => driver.latestMs + context.driverMs);
  }

  fold(record: LogRecord, out: Outbox): void {
    this.#nextOffset = record.offset + 1;
    if (this.#scan.scan(record.value)) {
      const { driver_id } = locationTexts;
      this.#intake.readBytes(record, this.#scan.from(driver_id), this.#scan.to(driver_id));
      this.#take(record, this.#scan.event(), out);
    } else {
      const decoded = parseDriverLocation(record.value);
      this.#intake.read(decoded.ok ? decoded.event.driverId : null);
      if (decoded.ok) this.#take(record, decoded.event, out);
      else this.#intake.deadLetter(record, decoded, out);
    }
    this.#intake.check();
  }

  #take(record: LogRecord, point: DriverLocation, out: Outbox): void {
    const timeliness = this.#intake.watermark.classify(point.timeMs, record.timestampMs);
    const known = this.#drivers.get(point.driverId);
    if (timeliness === "future") {
      noteRefusal(known, "event_time_future", record);
      this.#intake.tooEarly(record, point.timeMs, out);
      return;
    }
    const id = identity(point);
    if (known !== undefined && hasSeen(known.seen, point.timeMs, id)) {
      noteRefusal(known, "duplicate", record);
      this.#intake.duplicate();
    } else if (timeliness === "too_late") {
      noteRefusal(known, "too_late", record);
      this.#intake.late(record, point.timeMs, "too_late", out);
    } else {
      const full = this.#full(known, point);
      if (full !== null) {
        noteRefusal(known, full.code, record);
        this.#intake.deadLetter(record, full, out);
        return;
      }
      const memory = known ?? { driver: newDriver(point.driverId), seen: [], trail: [], refused: null };
      if (!this.#apply(memory, known === undefined, record, point, id, out)) return;
      if (timeliness === "late") this.#intake.late(record, point.timeMs, "late", out);
    }
    this.#advance(point, record);
  }

  /** What the point cannot be applied for: a bound that keeps one producer from taking all the memory. */
  #full(known: DriverMemory | undefined, point: DriverLocation): Rejection | null {
    if (known !== undefined && known.seen.length >= 2 * limits.driverPointsMax) {
      this.#forget(known);
      if (known.seen.length >= 2 * limits.driverPointsMax) {
        const message =
          `driver_id ${point.driverId} has ${limits.driverPointsMax} points that could come again; allowed: no more`;
        return { code: "driver_points_exceeded", field: "driver_id", message };
      }
    }
    if (this.#supply.size < limits.panesPerPartitionMax) return null;
    const message = `city is ${
      shown(point.city)
    }; the partition holds ${this.#supply.size} cities and minutes already; allowed: no more`;
    return { code: "cities_exceeded", field: "city", message };
  }

  /** Lets go of the ids of points that would be too late if they came again. */
  #forget(memory: DriverMemory): void {
    const { seen } = memory;
    memory.seen = seen.filter((_, i) => this.#intake.watermark.accepts(seen[i - i % 2]!));
  }

  #apply(
    memory: DriverMemory,
    isNew: boolean,
    record: LogRecord,
    point: DriverLocation,
    id: number,
    out: Outbox,
  ): boolean {
    const watermarkMs = this.#intake.watermark.ms;
    let step;
    try {
      step = decideDriver(memory.driver, point, {
        closedMs: watermarkMs === null ? -Infinity : paneStart(watermarkMs),
        cellResolution: this.#context.cellResolution,
      });
    } catch (thrown) {
      this.#intake.handlerThrew(record, thrown, out);
      return false;
    }
    for (const effect of step.effects) {
      const index = supplyField[effect.status];
      if (index !== undefined) this.#supply.add(effect.city, effect.boundaryMs, index, effect.by);
      if (effect.cell !== null) this.#cells.add(effect.boundaryMs, effect.city, effect.cell, effect.by);
    }
    applyDriver(memory.driver, step);
    this.#note(memory, record, point, id);
    if (isNew) this.#remember(memory);
    this.#intake.counted();
    return true;
  }

  /** Keeps the ids of points that could still come again in time, and a short trail. */
  #note(memory: DriverMemory, record: LogRecord, point: DriverLocation, id: number): void {
    const { seen, trail } = memory;
    seen.push(point.timeMs, id);
    if (seen.length >= 64 && seen.length % 32 === 0) this.#forget(memory);
    const status = point.status === null ? -1 : driverStatuses.indexOf(point.status);
    trail.push(point.timeMs, record.timestampMs, record.offset, point.lat, point.lng, status);
    if (trail.length > limits.driverTrailMax * trailStride) trail.splice(0, trailStride);
  }

  #remember(memory: DriverMemory): void {
    if (this.#drivers.size >= limits.driversPerPartitionMax) {
      this.#drivers.evictOldest();
      this.#intake.ledger.evicted_by_cap++;
    }
    this.#drivers.add(memory.driver.id, memory);
  }

  #advance(point: DriverLocation, record: LogRecord): void {
    const passed = this.#intake.watermark.advance(point.timeMs, record.timestampMs, this.#boundariesMax);
    for (const boundaryMs of passed) {
      this.#close(boundaryMs, this.#supply.close(boundaryMs), this.#cells.close(boundaryMs));
    }
    if (passed.length === 0) return;
    this.#drivers.evictDue(this.#intake.watermark.ms!);
  }

  /** The closing register of each city that has drivers at the boundary. */
  #close(
    boundaryMs: number,
    supply: [city: string, values: number[]][],
    cells: ReadonlyMap<string, CellCounts>,
  ): void {
    const none: CellCounts = [];
    for (const [city, values] of supply) {
      this.#writer.close([city, boundaryMs, this.#nextOffset, values, cells.get(city) ?? none]);
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
      close: (boundaryMs) =>
        this.#close(boundaryMs, this.#supply.peek(boundaryMs), this.#cells.peek(boundaryMs)),
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
      this.#supply.state(),
      this.#cells.state(),
    ];
    for (const [, memory] of this.#drivers.entries()) yield ["driver", memory];
  }

  restore([kind, ...data]: FoldEntry): void {
    if (kind === "head") {
      const [nextOffset, watermarkMs, ledger, failures, supply, cells] = data;
      this.#nextOffset = nextOffset as number;
      this.#intake.watermark.restore(watermarkMs as number | null);
      this.#intake.ledger = ledger as Ledger;
      this.#intake.failures = failures as number;
      this.#supply.restore(supply as BoundaryGaugeState);
      this.#cells.restore(cells as CellTableState);
    } else {
      invariant(kind === "driver", `a snapshot of locations has no entries of kind ${kind}`);
      const memory = data[0] as DriverMemory;
      this.#drivers.add(memory.driver.id, memory);
    }
  }

  status(): FoldStatus {
    return { watermarkMs: this.#intake.watermark.ms, actors: { driver: this.#drivers.size } };
  }

  get ledger(): Ledger {
    return this.#intake.ledger;
  }

  /** Every driver in memory. May be walked in slices: one that leaves or comes meanwhile may be missed. */
  *actors(): Generator<DriverMemory> {
    for (const [, memory] of this.#drivers.entries()) yield memory;
  }

  driver(id: string): DriverMemory | undefined {
    return this.#drivers.get(id);
  }
}

/** What tells one point of a driver from another at the same time: its event id, else nothing. */
function identity(point: DriverLocation): number {
  if (point.eventId === null) return 0;
  const { high, low } = hash64(point.eventId);
  return (high & 0x1fffff) * 2 ** 32 + low;
}

/** Two points of one driver are the same when both time and id are. */
function hasSeen(seen: number[], timeMs: number, id: number): boolean {
  for (let i = seen.length - 2; i >= 0; i -= 2) if (seen[i] === timeMs && seen[i + 1] === id) return true;
  return false;
}

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
