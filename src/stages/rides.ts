/**
 * Stage `rides`: ride-events → ride actors → panes (city, minute), ride facts, late events, dead letters.
 *
 * One partition: every event is decoded, told apart from repeats within its ride, applied to the ride actor and
 * counted in the pane of its city and minute. An event's city is its own, else the first one its ride named, else
 * `unknown`; it is never moved afterwards.
 */
import { cellAt } from "../../actors/cell.ts";
import {
  applyRide,
  decideRide,
  newRide,
  openRequestMs,
  type Ride,
  type RideEffect,
} from "../../actors/ride.ts";
import { type RideEvent, type RideEventType, rideEventTypes } from "../../schemas/ride_event.ts";
import { decodeRideEvent } from "../codec/ride_event.ts";
import { type Rejection, shown } from "../codec/rejection.ts";
import type { Fold, FoldEntry, FoldStatus, IdleDeclaration, LogRecord, Outbox, Stage } from "../fold.ts";
import { hash64, utf8 } from "../ids.ts";
import { invariant } from "../invariant.ts";
import { limits } from "../limits.ts";
import { isoTime } from "../time.ts";
import { type CellCounts, CellTable, type CellTableState } from "../windows/cells.ts";
import { IntervalGauge } from "../windows/gauges.ts";
import { bucketOf } from "../windows/histogram.ts";
import type { Ledger } from "../windows/ledger.ts";
import { PaneTable, type Register } from "../windows/panes.ts";
import { paneMs, paneStart } from "../windows/settings.ts";
import { ActorTable } from "./actor_table.ts";
import { boundariesMax, type StageContext } from "./context.ts";
import { isPublished } from "./cut.ts";
import { Intake, noteRefusal, type Refused } from "./intake.ts";
import { field, paneWidth, waitFrom } from "./pane_fields.ts";
import { type Ahead, PartialWriter, trimmed } from "./partial_writer.ts";
import { rideFactOf } from "./ride_fact.ts";

const eventField: Record<RideEventType, number> = {
  requested: field.requests,
  accepted: field.acceptances,
  started: field.starts,
  completed: field.completions,
  cancelled: field.cancellations,
};

/** A ride with the events it has seen: `seen` holds, per event, what `seenStride` numbers say. */
export type RideMemory = { ride: Ride; seen: number[]; refused: Refused | null };
/** id hash high, id hash low, event type, event time ms, record time ms, offset. */
export const seenStride = 6;

export class RidesFold implements Fold {
  readonly #context: StageContext;
  readonly #boundariesMax: number;
  readonly #intake: Intake;
  readonly #panes = new PaneTable(paneWidth);
  readonly #open = new IntervalGauge();
  /** Where rides were requested, by the minute. */
  readonly #cells = new CellTable(limits.cellsPerCityMax);
  readonly #writer: PartialWriter;
  readonly #rides: ActorTable<RideMemory>;
  readonly #partition: number;
  #nextOffset = 0;

  constructor(context: StageContext, partition: number) {
    this.#context = context;
    this.#partition = partition;
    this.#boundariesMax = boundariesMax(context.windows, openRequestMs);
    this.#intake = new Intake(context, "ride-events", partition);
    this.#writer = new PartialWriter(context, "ride-events", partition);
    this.#rides = new ActorTable((memory) => forgottenMs(memory, context));
  }

  fold(record: LogRecord, out: Outbox): void {
    this.#nextOffset = record.offset + 1;
    const decoded = decodeRideEvent(record.value);
    if (!decoded.ok) {
      this.#intake.read(null);
      this.#intake.deadLetter(record, decoded, out);
      return;
    }
    const event = decoded.event;
    this.#intake.read(event.rideId);
    this.#take(record, event, out);
    this.#intake.check();
  }

  #take(record: LogRecord, event: RideEvent, out: Outbox): void {
    const timeliness = this.#intake.watermark.classify(event.timeMs, record.timestampMs);
    const known = this.#rides.get(event.rideId);
    if (timeliness === "future") {
      noteRefusal(known, "event_time_future", record);
      this.#intake.tooEarly(record, event.timeMs, out);
      return;
    }
    const id = hash64(event.eventId);
    if (known !== undefined && hasSeen(known.seen, id.high, id.low)) {
      noteRefusal(known, "duplicate", record);
      this.#intake.duplicate();
    } else if (timeliness === "too_late") {
      noteRefusal(known, "too_late", record);
      this.#intake.late(record, event.timeMs, "too_late", out);
    } else {
      const full = this.#full(known, event);
      if (full !== null) {
        noteRefusal(known, full.code, record);
        this.#intake.deadLetter(record, full, out);
        return;
      }
      const memory = known ?? { ride: newRide(event.rideId), seen: [], refused: null };
      if (!this.#apply(memory, known === undefined, record, event, id, out)) return;
      if (timeliness === "late") this.#intake.late(record, event.timeMs, "late", out);
    }
    this.#advance(event, record);
  }

  /** What the event cannot be applied for: a bound that keeps one producer from taking all the memory. */
  #full(known: RideMemory | undefined, event: RideEvent): Rejection | null {
    if (known !== undefined && known.seen.length >= limits.rideEventsMax * seenStride) {
      const message = `ride_id ${event.rideId} has ${limits.rideEventsMax} events already; allowed: no more`;
      return { code: "ride_events_exceeded", field: "ride_id", message };
    }
    const city = event.city ?? known?.ride.city ?? "unknown";
    if (this.#panes.size < limits.panesPerPartitionMax || this.#panes.has(city, event.timeMs)) return null;
    const message = `city is ${
      shown(city)
    }; the partition holds ${this.#panes.size} cities and minutes already; allowed: no more`;
    return { code: "cities_exceeded", field: "city", message };
  }

  /** Decides first and writes then: a throw in between costs the record only. */
  #apply(
    memory: RideMemory,
    isNew: boolean,
    record: LogRecord,
    event: RideEvent,
    id: { high: number; low: number },
    out: Outbox,
  ): boolean {
    const { ride } = memory;
    const city = event.city ?? ride.city ?? "unknown";
    let step;
    try {
      step = decideRide(ride, event, { city, accepts: (timeMs) => this.#intake.watermark.accepts(timeMs) });
    } catch (thrown) {
      this.#intake.handlerThrew(record, thrown, out);
      return false;
    }
    this.#forget(step.changes);
    const before = step.effects.some((e) => e.kind === "outcome" && e.taken_back) ? { ...ride } : ride;
    const changed = { ...ride, ...step.changes };
    step.effects.forEach((effect, n) =>
      this.#perform(effect, effect.kind === "outcome" && effect.taken_back ? before : changed, n, record, out)
    );
    applyRide(ride, step);
    memory.seen.push(
      id.high,
      id.low,
      rideEventTypes.indexOf(event.type),
      event.timeMs,
      record.timestampMs,
      record.offset,
    );
    if (isNew) this.#remember(memory);
    else if (ride.endedMs !== null) this.#rides.hasten(ride.id);
    this.#count(event, city, record.offset);
    this.#intake.counted();
    this.#writer.told(record.timestampMs);
    return true;
  }

  /** Of an erased rider nothing is kept but a pseudonym. The counts have the rider's hash from the event itself. */
  #forget(rider: Partial<Ride>): boolean {
    const pseudonym = this.#context.erased?.pseudonymOf(rider.userId ?? null) ?? null;
    if (pseudonym === null || (rider.userId === pseudonym && (rider.reason ?? null) === null)) return false;
    rider.userId = pseudonym;
    rider.reason = null;
    return true;
  }

  /** Forgets the erased riders that are in memory, a ride a step; yields whether there was something to forget. */
  *forgetErased(): Generator<boolean> {
    for (const { ride } of this.actors()) yield this.#forget(ride);
  }

  #perform(effect: RideEffect, ride: Ride, n: number, record: LogRecord, out: Outbox): void {
    switch (effect.kind) {
      case "count":
        this.#panes.add(effect.city, effect.atMs, field[effect.counter], effect.by, record.offset);
        break;
      case "wait":
        this.#panes.add(effect.city, effect.atMs, waitFrom + bucketOf(effect.seconds), 1, record.offset);
        break;
      case "open":
        this.#open.add(effect.city, effect.fromMs, effect.untilMs, effect.by);
        break;
      case "outcome": {
        if (!isPublished(this.#context.cut, record.timestampMs)) return;
        const source = {
          logEpoch: this.#context.logEpoch,
          partition: this.#partition,
          offset: record.offset,
          n,
        };
        const fact = rideFactOf(ride, effect.taken_back, source, this.#context.generation);
        const headers = { source_timestamp: isoTime(record.timestampMs) };
        out.push({ topic: "ride-facts", key: utf8(ride.id), value: utf8(JSON.stringify(fact)), headers });
      }
    }
  }

  #count(event: RideEvent, city: string, offset: number): void {
    const at = event.timeMs;
    this.#panes.add(city, at, field.total_events, 1, offset);
    this.#panes.add(city, at, eventField[event.type], 1, offset);
    if (event.type === "requested" && event.pickup !== null) {
      this.#cells.add(paneStart(at), city, cellAt(event.pickup, this.#context.cellResolution), 1);
    }
    if (event.estimatedFareCents !== null) {
      this.#panes.add(city, at, field.fare_cents, event.estimatedFareCents, offset);
      this.#panes.add(city, at, field.fare_events, 1, offset);
    }
    if (event.userId !== null) {
      const rider = hash64(event.userId);
      this.#panes.addRider(city, at, rider.high, rider.low, offset);
    }
  }

  #remember(memory: RideMemory): void {
    if (this.#rides.size >= limits.ridesPerPartitionMax) {
      this.#rides.evictOldest();
      this.#intake.ledger.evicted_by_cap++;
    }
    this.#rides.add(memory.ride.id, memory);
  }

  #advance(event: RideEvent, record: LogRecord): void {
    const passed = this.#intake.watermark.advance(event.timeMs, record.timestampMs, this.#boundariesMax);
    for (const boundaryMs of passed) this.#close(boundaryMs, new Map(this.#open.close(boundaryMs)));
    if (passed.length === 0) return;
    const watermarkMs = this.#intake.watermark.ms!;
    const { windowMs, latenessMs } = this.#context.windows;
    this.#panes.dropBefore(paneStart(watermarkMs) - Math.max(windowMs, latenessMs));
    this.#cells.dropBefore(paneStart(watermarkMs) - windowMs);
    this.#rides.evictDue(watermarkMs);
  }

  /**
   * The closing register of each city that has something to say at the boundary: [open, requests of the last minute,
   * window sums …], and where the window's requests were made.
   */
  #close(boundaryMs: number, open: Map<string, number>): void {
    const fromMs = boundaryMs - this.#context.windows.windowMs;
    const cells = this.#cells.sums(fromMs, boundaryMs);
    const none: CellCounts = [];
    for (const city of new Set([...this.#panes.cities(), ...open.keys()])) {
      const sums = this.#panes.sum(city, fromMs, boundaryMs);
      const openNow = open.get(city) ?? 0;
      if (sums === null && openNow === 0) continue;
      const asked = this.#panes.sum(city, boundaryMs - paneMs, boundaryMs)?.[field.requests] ?? 0;
      const values = [openNow, asked, ...trimmed(sums ?? [])];
      this.#writer.close([city, boundaryMs, this.#nextOffset, values, cells.get(city) ?? none]);
    }
  }

  flush(out: Outbox): boolean {
    this.#writer.flush(this.#panes.takeChanged(), this.#nextOffset, this.#intake.watermark.ms, out);
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
      close: (boundaryMs) => this.#close(boundaryMs, new Map(this.#open.peek(boundaryMs))),
    };
  }

  markAll(): void {
    this.#panes.markAll();
  }

  since(offset: number): void {
    this.#intake.ledger.since_offset = offset;
    this.#nextOffset = offset;
  }

  *entries(): Generator<FoldEntry> {
    invariant(this.#panes.pending + this.#writer.pending === 0, "a snapshot is taken after a flush");
    yield [
      "head",
      this.#nextOffset,
      this.#intake.watermark.ms,
      this.#intake.ledger,
      this.#intake.failures,
      this.#open.state(),
      this.#cells.state(),
    ];
    for (const register of this.#panes.entries()) yield ["pane", register];
    for (const [, memory] of this.#rides.entries()) yield ["ride", memory];
  }

  restore([kind, ...data]: FoldEntry): void {
    switch (kind) {
      case "head": {
        const [nextOffset, watermarkMs, ledger, failures, open, cells] = data;
        this.#nextOffset = nextOffset as number;
        this.#intake.watermark.restore(watermarkMs as number | null);
        this.#intake.ledger = ledger as Ledger;
        this.#intake.failures = failures as number;
        this.#open.restore(open as ReturnType<IntervalGauge["state"]>);
        this.#cells.restore(cells as CellTableState);
        break;
      }
      case "pane":
        this.#panes.restore(data[0] as Register);
        break;
      case "ride": {
        const memory = data[0] as RideMemory;
        this.#forget(memory.ride);
        this.#rides.add(memory.ride.id, memory);
        break;
      }
      default:
        invariant(false, `a snapshot of rides has no entries of kind ${kind}`);
    }
  }

  status(): FoldStatus {
    return { watermarkMs: this.#intake.watermark.ms, actors: { ride: this.#rides.size } };
  }

  get ledger(): Ledger {
    return this.#intake.ledger;
  }

  /** Every ride in memory. May be walked in slices: one that leaves or comes meanwhile may be missed. */
  *actors(): Generator<RideMemory> {
    for (const [, memory] of this.#rides.entries()) yield memory;
  }

  ride(id: string): RideMemory | undefined {
    return this.#rides.get(id);
  }
}

function hasSeen(seen: number[], high: number, low: number): boolean {
  for (let i = 0; i < seen.length; i += seenStride) if (seen[i] === high && seen[i + 1] === low) return true;
  return false;
}

export function ridesStage(context: StageContext): Stage<RidesFold> {
  return {
    name: "rides",
    source: "ride-events",
    declaresIdle: true,
    warmUpMs: limits.rideMsMax + context.windows.windowMs + context.windows.latenessMs,
    takesOverAtMs: context.cut.fromMs,
    create: (partition) => new RidesFold(context, partition),
  };
}

/** Until when a ride is remembered after its newest event, in event time. */
export const forgottenMs = (
  { ride }: Pick<RideMemory, "ride">,
  { endedRideMs }: Pick<StageContext, "endedRideMs">,
): number => ride.latestMs + (ride.endedMs === null ? Math.max(limits.rideMsMax, endedRideMs) : endedRideMs);
