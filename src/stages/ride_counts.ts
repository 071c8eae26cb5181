/**
 * What one partition counts of its rides: panes per (city, minute), open requests, and where rides were requested.
 *
 * Each event, and each effect that its ride asks for, is added here once; registers and closing registers are read off.
 */
import { cellAt } from "../../actors/cell.ts";
import type { Outcome, RideCounter, RideEffect } from "../../actors/ride.ts";
import type { Place, RideEvent, RideEventType } from "../../schemas/ride_event.ts";
import { type RideEventScan, rideTexts } from "../codec/scan_ride_event.ts";
import type { LogRecord } from "../fold.ts";
import { hash64, hashAscii } from "../ids.ts";
import { limits } from "../limits.ts";
import { type CellCounts, CellTable, type CellTableState } from "../windows/cells.ts";
import { IntervalGauge } from "../windows/gauges.ts";
import { bucketOf } from "../windows/histogram.ts";
import type { MinutePanes } from "../windows/minute_panes.ts";
import { PaneTable } from "../windows/panes.ts";
import { paneMs, paneStart, type WindowSettings } from "../windows/settings.ts";
import { field, paneWidth, waitFrom } from "./pane_fields.ts";
import { trimmed } from "./partial_writer.ts";
import type { UsualSteps } from "./usual_steps.ts";

const eventField: Record<RideEventType, number> = {
  requested: field.requests,
  accepted: field.acceptances,
  started: field.starts,
  completed: field.completions,
  cancelled: field.cancellations,
};

const counterOf: Record<Outcome, RideCounter> = {
  completed: "rides_completed",
  rider: "rides_cancelled_by_rider",
  driver: "rides_cancelled_by_driver",
  system: "rides_cancelled_by_system",
};

export type CountedEffect = Exclude<RideEffect, { kind: "outcome" }>;

/** What a source says of a city at a boundary. */
export type CityClosing = { city: string; values: number[]; cells: CellCounts };

export class RideCounts {
  /** Waits are told by one event of four, and few panes of a small city have one. */
  readonly panes = new PaneTable(paneWidth, waitFrom);
  readonly #open = new IntervalGauge();
  /** By the minute. */
  readonly #cells = new CellTable(limits.cellsPerCityMax, paneMs);
  readonly #windows: WindowSettings;
  readonly #cellResolution: number;
  /** High and low half of what was hashed last. */
  readonly #hash = new Uint32Array(2);

  constructor({ windows, cellResolution }: { windows: WindowSettings; cellResolution: number }) {
    this.#windows = windows;
    this.#cellResolution = cellResolution;
  }

  /** Whether there is room for an event in that pane: the pane is there, or may still be made. */
  hasRoom(city: string, timeMs: number): boolean {
    return this.panes.size < limits.panesPerPartitionMax || this.panes.has(city, timeMs);
  }

  count(event: RideEvent, city: string, offset: number): void {
    const pane = this.panes.touch(city, event.timeMs, offset);
    this.#countEvent(pane, city, event, event.type === "requested" ? event.pickup : null);
    if (event.userId === null) return;
    const rider = hash64(event.userId);
    pane.addRider(rider.high, rider.low);
  }

  add(effect: CountedEffect, offset: number): void {
    switch (effect.kind) {
      case "count":
        this.panes.add(effect.city, effect.atMs, field[effect.counter], effect.by, offset);
        break;
      case "wait":
        this.panes.add(effect.city, effect.atMs, waitFrom + bucketOf(effect.seconds), 1, offset);
        break;
      case "open":
        this.#open.add(effect.city, effect.fromMs, effect.untilMs, effect.by);
    }
  }

  /** An event in its plain form with all that its step asks for: whatever is counted is in the pane of the event. */
  countUsual(event: RideEventScan, step: UsualSteps, city: string, { value, offset }: LogRecord): void {
    const pane = this.panes.touch(city, event.timeMs, offset);
    this.#countEvent(pane, city, event, event.type === "requested" ? event.pickup() : null);
    if (event.has(rideTexts.user_id)) {
      hashAscii(value, event.from(rideTexts.user_id), event.to(rideTexts.user_id), this.#hash);
      pane.addRider(this.#hash[0]!, this.#hash[1]!);
    }
    if (step.waitSeconds >= 0) pane.add(waitFrom + bucketOf(step.waitSeconds), 1);
    if (step.openBy !== 0) this.#open.add(step.openCity!, step.openFromMs, step.openUntilMs, step.openBy);
    if (step.outcome !== null) pane.add(field[counterOf[step.outcome]], 1);
    if (step.revenueCents !== 0) pane.add(field.revenue_cents, step.revenueCents);
  }

  #countEvent(pane: MinutePanes, city: string, event: CountedEvent, pickup: Place | null): void {
    pane.add(field.total_events, 1);
    pane.add(eventField[event.type], 1);
    if (pickup !== null) this.#cells.add(pane.paneStartMs, city, cellAt(pickup, this.#cellResolution), 1);
    if (event.estimatedFareCents === null) return;
    pane.add(field.fare_cents, event.estimatedFareCents);
    pane.add(field.fare_events, 1);
  }

  /**
   * What each city has to say at the boundary: [open, requests of the last minute, window sums …], and where the
   * requests of the last minute were made. A boundary that is `passed` is closed for good.
   */
  *closings(boundaryMs: number, passed: boolean): Generator<CityClosing> {
    const open = new Map(passed ? this.#open.close(boundaryMs) : this.#open.peek(boundaryMs));
    const fromMs = boundaryMs - this.#windows.windowMs;
    const minuteMs = boundaryMs - paneMs;
    const cells = passed ? this.#cells.close(minuteMs) : this.#cells.peek(minuteMs);
    const none: CellCounts = [];
    for (const city of new Set([...this.panes.cities(), ...open.keys()])) {
      const sums = this.panes.sum(city, fromMs, boundaryMs);
      const openNow = open.get(city) ?? 0;
      if (sums === null && openNow === 0) continue;
      const asked = this.panes.value(city, minuteMs, field.requests);
      yield { city, values: [openNow, asked, ...trimmed(sums ?? [])], cells: cells.get(city) ?? none };
    }
  }

  /** Lets go of what no event that is still accepted and no window that is still open can need. */
  dropPassed(watermarkMs: number): void {
    const { windowMs, latenessMs } = this.#windows;
    this.panes.dropBefore(paneStart(watermarkMs) - Math.max(windowMs, latenessMs));
  }

  /** All but the panes. */
  state(): RideCountsState {
    return [this.#open.state(), this.#cells.state()];
  }

  restore([open, cells]: RideCountsState): void {
    this.#open.restore(open);
    this.#cells.restore(cells);
  }
}

export type RideCountsState = [open: ReturnType<IntervalGauge["state"]>, cells: CellTableState];

/** What an event and its plain form have in common. */
type CountedEvent = { type: RideEventType; estimatedFareCents: number | null };
