/**
 * Stage `cities`: city-partials → city windows and alerts.
 *
 * Registers are merged as they come. Updates of open windows are sampled by `flush`; closing a window, revising a
 * closed one and judging alerts are done by the fold, at the record that causes them. Ride windows close when the
 * ride sources have passed their end (phase 1); supply joins when the location sources have passed it too (phase 2).
 */
import type { CityWindow } from "../../schemas/city_window.ts";
import { type AlertMemory, calm } from "../alerts/rules.ts";
import type { Fold, FoldEntry, FoldStatus, LogRecord, Outbox, Stage } from "../fold.ts";
import { utf8 } from "../ids.ts";
import { invariant } from "../invariant.ts";
import { limits } from "../limits.ts";
import { dayMs } from "../time.ts";
import { Closings, type ClosingsState } from "../windows/closings.ts";
import { CityPanes, type CityPanesState, type WindowParts } from "../windows/merge.ts";
import { decodePartial, type Partial, type SourceId } from "../windows/partial.ts";
import { paneMs, paneStart } from "../windows/settings.ts";
import { realWatermark, type Source } from "../windows/sources.ts";
import { alertAt, type ClosedBoundary, judgeCity } from "./city_alerts.ts";
import { CitySources, type CitySourcesState, type Passed } from "./city_sources.ts";
import { cityWindowOf, type Gauges } from "./city_window.ts";
import type { StageContext } from "./context.ts";
import { isPublished } from "./cut.ts";
import { type Missed, MissedPanes, type MissedPanesState } from "./missed_panes.ts";
import { field, paneWidth } from "./pane_fields.ts";
import { Takeover } from "./takeover.ts";

/** Updates one flush sends per city: the windows around now. The rest is told when it closes. */
const updatesPerCityMax = 8;
/** How long, in event time, closed rides wait for their supply: bounds the panes held for a stuck location source. */
const supplyWaitMs = dayMs;

type City = {
  panes: CityPanes;
  gauges: Map<number, Gauges>;
  dirty: Set<number>;
  owed: Set<number>;
  alert: AlertMemory;
};

export class CitiesFold implements Fold {
  readonly #context: StageContext;
  readonly #sources: CitySources;
  readonly #rideClosings = new Closings();
  readonly #supplyClosings = new Closings();
  #cities = new Map<string, City>();
  readonly #missed = new MissedPanes();
  readonly #takeover: Takeover;
  #unreadable = 0;
  /** Boundaries up to these are closed over the ride sources, and with supply. */
  #rideClosedMs = -1;
  #supplyClosedMs = -1;
  /** Boundaries after this one were closed with supply; null while no location source ever had a record. */
  #supplyFromMs: number | null = null;
  /** Panes before this one have left and do not come back. */
  #droppedBelowMs = 0;
  #sinceMs: number | null = null;

  constructor(context: StageContext) {
    this.#context = context;
    this.#sources = new CitySources(context.partitions);
    this.#takeover = new Takeover(context.cut.fromMs);
  }

  fold(record: LogRecord, out: Outbox): void {
    const partial = decodePartial(record.value);
    const index = partial === null ? undefined : this.#sources.indexOf(partial);
    if (partial === null || index === undefined) {
      this.#unreadable++;
      return;
    }
    if (!this.#isOurs(partial)) {
      this.#sources.all[index]!.foreign++;
      return;
    }
    const revised = this.#merge(partial, index);
    for (const [city, end] of revised) this.#publish(city, end, "revision", out);
    this.#sources.take(index, partial);
    this.#sinceMs ??= partial.since_ms ?? null;
    this.#advance(out);
  }

  #isOurs(partial: Partial): boolean {
    const { foldVersion, generation, logEpoch } = this.#context;
    return partial.fold_version === foldVersion && partial.generation === generation &&
      partial.log_epoch === logEpoch;
  }

  /** Takes registers and closings over; returns the closed windows that changed. */
  #merge(partial: Partial, index: number): [city: string, endMs: number][] {
    const revised = new Map<string, [string, number]>();
    for (const [name, paneStartMs, position, offset, values, riders] of partial.panes) {
      const city = this.#city(name);
      const merged = city.panes.apply(paneStartMs, [index, position, offset, values], riders);
      // Told again after its pane has left, by an owner that replays: it was counted, or missed, back then.
      if (merged === "missed" && !this.#sources.hasTold(index, offset)) {
        const counted = city.panes.held(paneStartMs, index)?.[3][field.total_events] ?? null;
        const events = values[field.total_events] ?? 0;
        this.#missed.miss(sourceName(partial.source), name, paneStartMs, { events, counted });
      }
      if (merged !== "changed") continue;
      for (
        let end = paneStartMs + paneMs;
        end <= paneStartMs + this.#context.windows.windowMs;
        end += paneMs
      ) {
        if (end <= this.#rideClosedMs) revised.set(`${end} ${name}`, [name, end]);
        else city.dirty.add(end);
      }
    }
    const closings = partial.source.topic === "ride-events" ? this.#rideClosings : this.#supplyClosings;
    closings.takeBack(index, partial.next_offset);
    const stale = partial.provisional === true && partial.next_offset < this.#sources.all[index]!.nextOffset;
    for (const [name, boundaryMs, position, values] of stale ? [] : partial.closings) {
      closings.say(boundaryMs, name, index, position, values, partial.provisional === true);
    }
    return [...revised.values()].sort(([a, x], [b, y]) => x - y || (a < b ? -1 : 1));
  }

  /** Moves the watermarks and closes what they passed, boundary by boundary. */
  #advance(out: Outbox): void {
    const { rides, all } = this.#sources.advance();
    if (rides !== null) this.#closeRides(rides, out);
    if (all !== null) this.#closeSupply(all, out);
    if (rides !== null || all !== null) this.#drop();
  }

  #closeRides(passed: Passed, out: Outbox): void {
    const boundaries = this.#boundaries(passed, this.#rideClosings, this.#takeover.in(passed));
    for (const boundaryMs of boundaries) {
      const sums = this.#rideClosings.freeze(boundaryMs);
      this.#rideClosedMs = boundaryMs;
      for (const [name, values] of sums) this.#gauges(name, boundaryMs).open = values[0] ?? 0;
      for (const [name, city] of this.#sorted()) {
        const values = sums.get(name);
        if (values !== undefined) this.#judge(city, { city: name, boundaryMs, sums: values }, out);
        city.dirty.delete(boundaryMs);
        this.#publish(name, boundaryMs, "final", out);
      }
      for (const city of this.#takeover.at(boundaryMs)) {
        const memory = this.#cities.get(city)?.alert ?? calm;
        out.push(alertAt(this.#context, memory, { city, boundaryMs, sums: sums.get(city) ?? [] }));
      }
    }
    this.#rideClosings.closeUpTo(passed.untilMs);
    this.#rideClosedMs = passed.untilMs;
  }

  #closeSupply(passed: Passed, out: Outbox): void {
    const known = this.#sources.knowsSupply;
    if (known) this.#supplyFromMs ??= Math.max(-1, paneStart(passed.beforeMs));
    for (const boundaryMs of this.#boundaries(passed, this.#supplyClosings)) {
      const sums = this.#supplyClosings.freeze(boundaryMs);
      this.#supplyClosedMs = boundaryMs;
      if (!known) continue;
      for (const [name, [available = 0, enRoute = 0, onTrip = 0]] of sums) {
        this.#gauges(name, boundaryMs).supply = [available, enRoute, onTrip];
      }
      for (const [name] of this.#sorted()) this.#publish(name, boundaryMs, "final", out);
    }
    this.#supplyClosings.closeUpTo(passed.untilMs);
    this.#supplyClosedMs = passed.untilMs;
  }

  #judge(city: City, closed: ClosedBoundary, out: Outbox): void {
    this.#takeover.note(closed.city, closed.boundaryMs);
    const { memory, output } = judgeCity(this.#context, city.alert, closed);
    city.alert = memory;
    if (output !== null) out.push(output);
  }

  /** The boundaries in (before, until] at which a window ends or a source said something, and the `others`. */
  #boundaries({ beforeMs, untilMs }: Passed, closings: Closings, others: number[] = []): number[] {
    const boundaries = new Set([...closings.boundaries(untilMs), ...others]);
    for (const city of this.#cities.values()) {
      for (const end of city.panes.ends(paneStart(beforeMs), untilMs)) {
        boundaries.add(end);
      }
    }
    return [...boundaries].sort((a, b) => a - b);
  }

  /**
   * Panes go once no source's own records can still change a window over them, at latest holdMs after closing. A
   * window is closed when its supply is: location sources that fell behind find the panes they close.
   */
  #drop(): void {
    const { windowMs, latenessMs, holdMs } = this.#context.windows;
    const real = this.#sources.realMs;
    const byRecords = real === null ? -Infinity : real - windowMs - latenessMs - paneMs;
    const closedMs = Math.max(this.#sources.allMs ?? -Infinity, this.#sources.rideMs! - supplyWaitMs);
    const byHold = closedMs - 2 * windowMs - Math.max(holdMs, latenessMs);
    const belowMs = paneStart(Math.max(byRecords, byHold)) + paneMs;
    if (!Number.isFinite(belowMs) || belowMs <= this.#droppedBelowMs) return;
    this.#droppedBelowMs = belowMs;
    for (const [name, city] of this.#cities) {
      city.panes.dropBefore(belowMs, (at, [source, , , values]) => this.#leave(name, at, source, values));
      for (const end of city.gauges.keys()) if (end - windowMs < belowMs) city.gauges.delete(end);
      const nothing = city.panes.empty && city.gauges.size === 0;
      if (nothing && city.alert.state === "ok") this.#cities.delete(name);
    }
  }

  /** Notes what a pane had of a source that has not passed it by its own records: it may still tell more. */
  #leave(city: string, paneStartMs: number, index: number, values: number[]): void {
    const source = this.#sources.all[index]!;
    const real = realWatermark(source);
    if (typeof real === "number" && real >= paneStartMs + paneMs + this.#context.windows.latenessMs) return;
    this.#missed.leave(sourceName(source), city, paneStartMs, values[field.total_events] ?? 0);
  }

  flush(out: Outbox): boolean {
    for (const [name, city] of this.#sorted()) {
      if (out.records >= limits.outboxRecordsMax) return false;
      for (const end of [...city.owed].sort((a, b) => a - b)) {
        this.#publish(name, end, end <= this.#rideClosedMs ? "final" : "update", out);
      }
      city.owed.clear();
      if (city.dirty.size === 0) continue;
      const aroundMs = city.panes.newestPaneMs() + paneMs;
      const ends = [...city.dirty].sort((a, b) => Math.abs(a - aroundMs) - Math.abs(b - aroundMs) || b - a);
      for (const end of ends.slice(0, updatesPerCityMax)) this.#publish(name, end, "update", out);
      city.dirty.clear();
    }
    return true;
  }

  /** Log time of the oldest event told of since this was asked last: a remark for measuring latency. */
  takeSinceMs(): number | null {
    const sinceMs = this.#sinceMs;
    this.#sinceMs = null;
    return sinceMs;
  }

  #publish(name: string, endMs: number, kind: CityWindow["kind"], out: Outbox): void {
    if (!isPublished(this.#context.cut, endMs)) return;
    const window = this.window(name, endMs, kind);
    if (window === null) return;
    out.push({
      topic: "analytics-aggregated",
      key: utf8(`${name}|${window.window_start}`),
      value: utf8(JSON.stringify(window)),
      partition: this.#context.partitionOf("analytics-aggregated", utf8(name)),
    });
  }

  /** The window as it stands; null when nothing happened in it or it can no longer be summed. */
  window(name: string, endMs: number, kind: CityWindow["kind"]): CityWindow | null {
    const city = this.#cities.get(name);
    const merged = city?.panes.window(endMs) ?? null;
    if (city === undefined || merged === null || merged.values[field.total_events] === 0) return null;
    const closed = endMs <= this.#rideClosedMs;
    const supplied = closed && endMs <= this.#supplyClosedMs && this.#supplyFromMs !== null &&
      endMs > this.#supplyFromMs;
    return cityWindowOf({
      city: name,
      endMs,
      windowMs: this.#context.windows.windowMs,
      merged,
      gauges: city.gauges.get(endMs),
      phase: supplied ? 2 : closed ? 1 : 0,
      kind,
      watermarkMs: finite(this.#sources.rideMs),
      generation: this.#context.generation,
    });
  }

  /** What the window is summed from: for people who ask why. */
  parts(name: string, endMs: number): WindowParts {
    return this.#cities.get(name)?.panes.parts(endMs) ?? [];
  }

  #gauges(name: string, endMs: number): Gauges {
    const { gauges } = this.#city(name);
    let held = gauges.get(endMs);
    if (held === undefined) gauges.set(endMs, held = { open: null, supply: null });
    return held;
  }

  #city(name: string): City {
    let city = this.#cities.get(name);
    if (city === undefined) {
      city = {
        panes: new CityPanes(paneWidth, this.#context.windows.windowMs),
        gauges: new Map(),
        dirty: new Set(),
        owed: new Set(),
        alert: calm,
      };
      city.panes.dropBefore(this.#droppedBelowMs);
      this.#cities.set(name, city);
    }
    return city;
  }

  #sorted(): [string, City][] {
    return [...this.#cities].sort(([a], [b]) => (a < b ? -1 : 1));
  }

  /** A cold start publishes every window it holds once. */
  markAll(): void {
    for (const city of this.#cities.values()) {
      for (const end of city.panes.ends(-Infinity, Infinity)) city.owed.add(end);
    }
  }

  since(_offset: number): void {}

  *entries(): Generator<FoldEntry> {
    const closed = [this.#rideClosedMs, this.#supplyClosedMs].map((ms) => ms === Infinity ? "end" : ms);
    yield ["head", ...closed, this.#supplyFromMs, this.#droppedBelowMs, this.#unreadable];
    yield ["sources", this.#sources.state()];
    yield ["closings", this.#rideClosings.state(), this.#supplyClosings.state()];
    yield ["missed", this.#missed.state()];
    if (this.#takeover.state.length > 0) yield ["takeover", this.#takeover.state];
    for (const [name, city] of this.#cities) {
      yield ["city", name, city.panes.state(), [...city.gauges], city.alert];
    }
  }

  restore([kind, ...data]: FoldEntry): void {
    switch (kind) {
      case "head":
        [this.#rideClosedMs, this.#supplyClosedMs] = data.slice(0, 2).map((ms) =>
          ms === "end" ? Infinity : ms as number
        ) as [number, number];
        [this.#supplyFromMs, this.#droppedBelowMs, this.#unreadable] = data.slice(2) as [
          number | null,
          number,
          number,
        ];
        break;
      case "sources":
        this.#sources.restore(data[0] as CitySourcesState);
        break;
      case "closings":
        this.#rideClosings.restore(data[0] as ClosingsState);
        this.#supplyClosings.restore(data[1] as ClosingsState);
        break;
      case "missed":
        this.#missed.restore(data[0] as MissedPanesState);
        break;
      case "takeover":
        this.#takeover.restore(data[0] as string[]);
        break;
      case "city": {
        const [name, panes, gauges, alert] = data as [
          string,
          CityPanesState,
          [number, Gauges][],
          AlertMemory,
        ];
        const city = this.#city(name);
        city.panes.restore(panes);
        city.gauges = new Map(gauges);
        city.alert = alert;
        break;
      }
      default:
        invariant(false, `a snapshot of cities has no entries of kind ${kind}`);
    }
  }

  status(): FoldStatus {
    return { watermarkMs: finite(this.#sources.rideMs), actors: { city: this.#cities.size } };
  }

  get sources(): readonly Source[] {
    return this.#sources.all;
  }

  get missed(): Missed[] {
    return this.#missed.list();
  }

  get unreadable(): number {
    return this.#unreadable;
  }

  /** Watermark of the ride sources and of all sources, ms; +∞ after a replay has ended. */
  get watermarks(): { rideMs: number | null; allMs: number | null } {
    return { rideMs: this.#sources.rideMs, allMs: this.#sources.allMs };
  }
}

const sourceName = ({ topic, partition }: SourceId): string => `${topic}/${partition}`;

const finite = (ms: number | null): number | null => ms !== null && Number.isFinite(ms) ? ms : null;

export function citiesStage(context: StageContext): Stage<CitiesFold> {
  const { windowMs, latenessMs, holdMs } = context.windows;
  return {
    name: "cities",
    source: "city-partials",
    declaresIdle: false,
    warmUpMs: 2 * windowMs + latenessMs + holdMs,
    create: () => new CitiesFold(context),
  };
}
