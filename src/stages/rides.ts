/**
 * Stage `rides`: ride-events → ride actors → panes (city, minute), ride facts, late events, dead letters.
 *
 * One partition: every event is decoded, told apart from repeats within its ride, applied to the ride actor and
 * counted in the pane of its city and minute. An event's city is its own, else the first one its ride named, else
 * `unknown`; it is never moved afterwards.
 */
import { applyRide, decideRide, newRide, openRequestMs, type Ride } from "../../actors/ride.ts";
import { type RideEvent, rideEventTypes } from "../../schemas/ride_event.ts";
import { parseRideEvent } from "../codec/ride_event.ts";
import { RideEventScan, rideTexts } from "../codec/scan_ride_event.ts";
import { type Rejection, shown } from "../codec/rejection.ts";
import type { Fold, FoldEntry, FoldStatus, IdleDeclaration, LogRecord, Outbox, Stage } from "../fold.ts";
import { hash64, utf8 } from "../ids.ts";
import { invariant } from "../invariant.ts";
import { limits } from "../limits.ts";
import { outgoing } from "../outgoing.ts";
import { isoTime } from "../time.ts";
import type { Ledger } from "../windows/ledger.ts";
import { usualMs } from "../windows/trailing.ts";
import type { Register } from "../windows/panes.ts";
import { boundariesMax, type StageContext } from "./context.ts";
import { isPublished } from "./cut.ts";
import { Intake } from "./intake.ts";
import { type Ahead, PartialWriter } from "./partial_writer.ts";
import { type FactSource, rideFactOf } from "./ride_fact.ts";
import { RideCounts, type RideCountsState } from "./ride_counts.ts";
import { restoreRide, restoreRides, type RideEntry, ridesEntries, type RidesEntry } from "./ride_entries.ts";
import { noRow, type RideMemory, RideRows } from "./ride_rows.ts";
import { UsualFacts } from "./usual_facts.ts";
import { UsualSteps } from "./usual_steps.ts";

export class RidesFold implements Fold {
  readonly #context: StageContext;
  readonly #boundariesMax: number;
  readonly #intake: Intake;
  readonly #counts: RideCounts;
  readonly #writer: PartialWriter;
  readonly #rides: RideRows;
  readonly #usual: UsualSteps;
  readonly #facts: UsualFacts;
  readonly #scan = new RideEventScan();
  /** High and low half of what was hashed last. */
  readonly #hash = new Uint32Array(2);
  readonly #partition: number;
  readonly #hasShortWay: boolean;
  readonly #decide: typeof decideRide;
  #nextOffset = 0;

  /** With `decide`, all events go the long way and are decided by that: for comparing, and for faults. */
  constructor(context: StageContext, partition: number, { decide }: { decide?: typeof decideRide } = {}) {
    this.#hasShortWay = decide === undefined;
    this.#decide = decide ?? decideRide;
    this.#context = context;
    this.#partition = partition;
    this.#boundariesMax = boundariesMax(context.windows, openRequestMs);
    this.#intake = new Intake(context, "ride-events", partition);
    this.#counts = new RideCounts(context);
    this.#writer = new PartialWriter(context, "ride-events", partition);
    this.#rides = new RideRows((latestMs, hasEnded) => forgottenAtMs(latestMs, hasEnded, context));
    this.#usual = new UsualSteps(this.#rides);
    this.#facts = new UsualFacts(this.#rides);
  }

  fold(record: LogRecord, out: Outbox): void {
    this.#nextOffset = record.offset + 1;
    if (this.#hasShortWay && this.#scan.scan(record.value)) {
      this.#intake.readBytes(record, this.#scan.from(rideTexts.ride_id), this.#scan.to(rideTexts.ride_id));
      if (!this.#takeUsual(record, out)) this.#take(record, this.#scan.event(), out);
    } else {
      const decoded = parseRideEvent(record.value);
      this.#intake.read(decoded.ok ? decoded.event.rideId : null);
      if (decoded.ok) this.#take(record, decoded.event, out);
      else this.#intake.deadLetter(record, decoded, out);
    }
    this.#intake.check();
  }

  /** The short way of an event that is on time, new, and a usual step of its ride; false for all others. */
  #takeUsual(record: LogRecord, out: Outbox): boolean {
    const [event, rides, bytes] = [this.#scan, this.#rides, record.value];
    const { timeMs } = event;
    if (this.#intake.watermark.classify(timeMs, record.timestampMs) !== "on_time") return false;
    if (this.#counts.panes.size >= limits.panesPerPartitionMax) return false;
    if (rides.size >= limits.ridesPerPartitionMax) return false;
    const [from, to] = [event.from(rideTexts.ride_id), event.to(rideTexts.ride_id)];
    const known = rides.find(bytes, from, to);
    if (!this.#usual.isUsual(known, event) || this.#isErased(known)) return false;
    event.hashEventId(this.#hash);
    const [high, low] = [this.#hash[0]!, this.#hash[1]!];
    if (known !== noRow) {
      if (rides.hasSeen(known, high, low) || rides.seenEvents(known) >= limits.rideEventsMax) return false;
    }
    const row = known === noRow ? rides.add(bytes, from, to) : known;
    const city = event.city ?? rides.city(row) ?? "unknown";
    this.#usual.take(row, event, bytes, city);
    rides.see(row, high, low, rideEventTypes.indexOf(event.type), timeMs, record.timestampMs, record.offset);
    if (known === noRow) rides.enter(row);
    else if (this.#usual.outcome !== null) rides.hasten(row);
    this.#counts.countUsual(event, this.#usual, city, record);
    if (this.#usual.outcome !== null) this.#tellUsual(row, record, out);
    this.#intake.counted();
    this.#writer.told(record.timestampMs);
    this.#advance(timeMs, record);
    return true;
  }

  /** The outcome is the third effect of the step, or the second: facts are named by their place among them. */
  #tellUsual(row: number, record: LogRecord, out: Outbox): void {
    if (!isPublished(this.#context.cut, record.timestampMs)) return;
    const earns = this.#usual.outcome === "completed" && this.#scan.fareCents !== null;
    const source = this.#source(record.offset, earns ? 2 : 1);
    if (!this.#facts.write(row, source, this.#context.generation)) {
      return this.#tell(this.#rides.ride(row), false, source.n, record, out);
    }
    const { key, value } = this.#facts;
    out.push({ topic: "ride-facts", key, value, headers: sourceTime(record) });
  }

  #take(record: LogRecord, event: RideEvent, out: Outbox): void {
    const timeliness = this.#intake.watermark.classify(event.timeMs, record.timestampMs);
    const row = this.#rides.findId(event.rideId);
    const refuse = (code: string) => {
      if (row !== noRow) this.#rides.refuse(row, { code, offset: record.offset, atMs: record.timestampMs });
    };
    if (timeliness === "future") {
      refuse("event_time_future");
      this.#intake.tooEarly(record, event.timeMs, out);
      return;
    }
    const id = hash64(event.eventId);
    if (row !== noRow && this.#rides.hasSeen(row, id.high, id.low)) {
      refuse("duplicate");
      this.#intake.duplicate();
    } else if (timeliness === "too_late") {
      refuse("too_late");
      this.#intake.late(record, event.timeMs, "too_late", out);
    } else {
      const full = this.#full(row, event);
      if (full !== null) {
        refuse(full.code);
        this.#intake.deadLetter(record, full, out);
        return;
      }
      if (!this.#apply(row, record, event, id, out)) return;
      if (timeliness === "late") this.#intake.late(record, event.timeMs, "late", out);
    }
    this.#advance(event.timeMs, record);
  }

  /** What the event cannot be applied for: a bound that keeps one producer from taking all the memory. */
  #full(row: number, event: RideEvent): Rejection | null {
    if (row !== noRow && this.#rides.seenEvents(row) >= limits.rideEventsMax) {
      const message = `ride_id ${event.rideId} has ${limits.rideEventsMax} events already; allowed: no more`;
      return { code: "ride_events_exceeded", field: "ride_id", message };
    }
    const city = event.city ?? this.#rides.city(row) ?? "unknown";
    if (this.#counts.hasRoom(city, event.timeMs)) return null;
    const message = `city is ${
      shown(city)
    }; the partition holds ${this.#counts.panes.size} cities and minutes already; allowed: no more`;
    return { code: "cities_exceeded", field: "city", message };
  }

  /** Decides first and writes then: a throw in between costs the record only. */
  #apply(
    known: number,
    record: LogRecord,
    event: RideEvent,
    id: { high: number; low: number },
    out: Outbox,
  ): boolean {
    const ride = known === noRow ? newRide(event.rideId) : this.#rides.ride(known);
    const city = event.city ?? ride.city ?? "unknown";
    let step;
    try {
      step = this.#decide(ride, event, { city, accepts: (timeMs) => this.#intake.watermark.accepts(timeMs) });
    } catch (thrown) {
      this.#intake.handlerThrew(record, thrown, out);
      return false;
    }
    this.#forget(step.changes);
    const before = step.effects.some((e) => e.kind === "outcome" && e.taken_back) ? { ...ride } : ride;
    applyRide(ride, step);
    step.effects.forEach((effect, n) => {
      if (effect.kind !== "outcome") this.#counts.add(effect, record.offset);
      else this.#tell(effect.taken_back ? before : ride, effect.taken_back, n, record, out);
    });
    const row = known === noRow ? this.#newRow(event.rideId) : known;
    this.#rides.write(row, ride);
    const type = rideEventTypes.indexOf(event.type);
    this.#rides.see(row, id.high, id.low, type, event.timeMs, record.timestampMs, record.offset);
    if (known === noRow) this.#rides.enter(row);
    else if (ride.endedMs !== null) this.#rides.hasten(row);
    this.#counts.count(event, city, record.offset);
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

  /** Whether the ride's rider, or the one whom its event names, was erased. */
  #isErased(row: number): boolean {
    const { erased } = this.#context;
    if (erased === undefined || erased.riders.length === 0) return false;
    return erased.pseudonymOf(this.#rides.userId(row) ?? this.#scan.text(rideTexts.user_id)) !== null;
  }

  #forgetRow(row: number): boolean {
    if (this.#context.erased === undefined || this.#context.erased.riders.length === 0) return false;
    const ride = this.#rides.ride(row);
    const forgotten = this.#forget(ride);
    if (forgotten) this.#rides.write(row, ride);
    return forgotten;
  }

  /** Forgets the erased riders that are in memory, a ride a step; yields whether there was something to forget. */
  *forgetErased(): Generator<boolean> {
    for (const row of this.#rides.rows()) yield this.#forgetRow(row);
  }

  #newRow(rideId: string): number {
    if (this.#rides.size >= limits.ridesPerPartitionMax) {
      this.#rides.evictOldest();
      this.#intake.ledger.evicted_by_cap++;
    }
    const bytes = utf8(rideId);
    return this.#rides.add(bytes, 0, bytes.length);
  }

  /** Publishes what became of the ride, as the effect `n` of the record. */
  #tell(ride: Ride, takenBack: boolean, n: number, record: LogRecord, out: Outbox): void {
    if (!isPublished(this.#context.cut, record.timestampMs)) return;
    const fact = rideFactOf(ride, takenBack, this.#source(record.offset, n), this.#context.generation);
    const [key, value] = [outgoing(ride.id), outgoing(JSON.stringify(fact))];
    out.push({ topic: "ride-facts", key, value, headers: sourceTime(record) });
  }

  #source(offset: number, n: number): FactSource {
    return { logEpoch: this.#context.logEpoch, partition: this.#partition, offset, n };
  }

  #advance(eventMs: number, record: LogRecord): void {
    const passed = this.#intake.watermark.advance(eventMs, record.timestampMs, this.#boundariesMax);
    for (const boundaryMs of passed) this.#close(boundaryMs, true);
    if (passed.length === 0) return;
    const watermarkMs = this.#intake.watermark.ms!;
    this.#counts.dropPassed(watermarkMs);
    this.#rides.evictDue(watermarkMs);
  }

  #close(boundaryMs: number, passed: boolean): void {
    for (const { city, values, cells } of this.#counts.closings(boundaryMs, passed)) {
      this.#writer.close([city, boundaryMs, this.#nextOffset, values, cells]);
    }
  }

  flush(out: Outbox): boolean {
    this.#writer.flush(this.#counts.panes.takeChanged(), this.#nextOffset, this.#intake.watermark.ms, out);
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

  markAll(): void {
    this.#counts.panes.markAll();
  }

  since(offset: number): void {
    this.#intake.ledger.since_offset = offset;
    this.#nextOffset = offset;
  }

  *entries(): Generator<FoldEntry> {
    const { panes } = this.#counts;
    invariant(panes.pending + this.#writer.pending === 0, "a snapshot is taken after a flush");
    yield [
      "head",
      this.#nextOffset,
      this.#intake.watermark.ms,
      this.#intake.ledger,
      this.#intake.failures,
      ...this.#counts.state(),
    ];
    for (const register of panes.entries()) yield ["pane", register];
    for (const entry of ridesEntries(this.#rides)) yield ["rides", ...entry];
  }

  restore([kind, ...data]: FoldEntry): void {
    switch (kind) {
      case "head": {
        const [nextOffset, watermarkMs, ledger, failures, ...counts] = data;
        this.#nextOffset = nextOffset as number;
        this.#intake.watermark.restore(watermarkMs as number | null);
        this.#intake.ledger = ledger as Ledger;
        this.#intake.failures = failures as number;
        this.#counts.restore(counts as RideCountsState);
        break;
      }
      case "pane":
        this.#counts.panes.restore(data[0] as Register);
        break;
      case "rides":
        for (const row of restoreRides(this.#rides, data as RidesEntry)) this.#forgetRow(row);
        break;
      case "ride":
        this.#forgetRow(restoreRide(this.#rides, data as RideEntry));
        break;
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
    for (const row of this.#rides.rows()) yield this.#rides.memory(row);
  }

  ride(id: string): RideMemory | undefined {
    const row = this.#rides.findId(id);
    return row === noRow ? undefined : this.#rides.memory(row);
  }
}

const sourceTime = ({ timestampMs }: LogRecord) => ({ source_timestamp: isoTime(timestampMs) });

export function ridesStage(context: StageContext): Stage<RidesFold> {
  return {
    name: "rides",
    source: "ride-events",
    declaresIdle: true,
    flushPhase: 0,
    warmUpMs: limits.rideMsMax + context.windows.windowMs + context.windows.latenessMs,
    takesOver: { atMs: context.cut.fromMs, aheadMs: usualMs },
    create: (partition) => new RidesFold(context, partition),
  };
}

/** Until when a ride is remembered after its newest event, in event time. */
export const forgottenMs = ({ ride }: Pick<RideMemory, "ride">, context: Remembering): number =>
  forgottenAtMs(ride.latestMs, ride.endedMs !== null, context);

type Remembering = Pick<StageContext, "endedRideMs">;

const forgottenAtMs = (latestMs: number, hasEnded: boolean, { endedRideMs }: Remembering): number =>
  latestMs + (hasEnded ? endedRideMs : Math.max(limits.rideMsMax, endedRideMs));
