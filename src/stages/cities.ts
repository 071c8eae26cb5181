/**
 * Stage `cities`: city-partials → city windows and alerts.
 *
 * Registers are merged as they come. Updates of open windows are sampled by `flush`; closing a window, revising a
 * closed one and judging alerts are done by the fold, at the record that causes them. Ride windows close when the
 * ride sources have passed their end (phase 1); supply joins when the location sources have passed it too (phase 2).
 */
import type { CityWindow } from "../../schemas/city_window.ts";
import { rowMs } from "../alerts/judge.ts";
import type { Fold, FoldEntry, FoldStatus, LogRecord, Outbox, Stage } from "../fold.ts";
import { utf8 } from "../ids.ts";
import { outgoing } from "../outgoing.ts";
import { invariant } from "../invariant.ts";
import { limits } from "../limits.ts";
import { Closings, type ClosingsState } from "../windows/closings.ts";
import type { WindowParts } from "../windows/merge.ts";
import { NumberArena } from "../windows/number_arena.ts";
import { decodePartial, type Partial } from "../windows/partial.ts";
import { paneMs, paneStart } from "../windows/settings.ts";
import { usualMs } from "../windows/trailing.ts";
import { realWatermark, type Source } from "../windows/sources.ts";
import { City, type CityState } from "./city.ts";
import { CityJudge, type CityJudgeState } from "./city_judge.ts";
import { CityRound } from "./city_round.ts";
import { CitySources, type CitySourcesState, type Passed, sourceName } from "./city_sources.ts";
import { cityWindowOf } from "./city_window.ts";
import type { StageContext } from "./context.ts";
import { isPublished } from "./cut.ts";
import { type Missed, MissedPanes, type MissedPanesState } from "./missed_panes.ts";
import { field } from "./pane_fields.ts";
import { droppableBelow } from "./pane_retention.ts";

export class CitiesFold implements Fold {
  readonly #context: StageContext;
  readonly #partition: number;
  readonly #sources: CitySources;
  readonly #rideClosings = new Closings();
  readonly #supplyClosings = new Closings();
  readonly #cities = new Map<string, City>();
  readonly #panes = new NumberArena();
  readonly #round = new CityRound();
  readonly #missed = new MissedPanes();
  readonly #judge: CityJudge;
  #unreadable = 0;
  /** Boundaries up to these are closed over the ride sources, and with supply. */
  #rideClosedMs = -1;
  #supplyClosedMs = -1;
  /** Boundaries after this one were closed with supply; null while no location source ever had a record. */
  #supplyFromMs: number | null = null;
  /** Panes before this one have left and do not come back. */
  #droppedBelowMs = 0;
  #sinceMs: number | null = null;

  constructor(context: StageContext, partition: number) {
    [this.#context, this.#partition] = [context, partition];
    this.#sources = new CitySources(context.partitions);
    this.#judge = new CityJudge(context, this.#cities);
  }

  fold(record: LogRecord, out: Outbox): void {
    const partial = decodePartial(record.value);
    const index = partial === null ? undefined : this.#sources.indexOf(partial);
    if (partial === null || index === undefined) {
      if (!this.#judge.take(record)) this.#unreadable++;
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
      const [isNew, newestMs] = [!city.panes.has(paneStartMs), city.panes.newestPaneMs];
      const merged = city.panes.apply(paneStartMs, [index, position, offset, values], riders);
      // Told again after its pane has left, by an owner that replays: it was counted, or missed, back then.
      if (merged === "missed" && !this.#sources.hasTold(index, offset)) {
        const counted = city.panes.held(paneStartMs, index)?.[3][field.total_events] ?? null;
        const events = values[field.total_events] ?? 0;
        this.#missed.miss(sourceName(partial.source), name, paneStartMs, { events, counted });
      }
      if (merged !== "changed") continue;
      const lastMs = paneStartMs + this.#context.windows.windowMs;
      for (let end = paneStartMs + paneMs; end <= Math.min(lastMs, this.#rideClosedMs); end += paneMs) {
        revised.set(`${end} ${name}`, [name, end]);
      }
      if (lastMs <= this.#rideClosedMs) continue;
      city.updates.changed(paneStartMs);
      if (isNew) city.updates.opened(paneStartMs, newestMs, this.#rideClosedMs);
      this.#round.stir(name);
    }
    const closings = partial.source.topic === "ride-events" ? this.#rideClosings : this.#supplyClosings;
    closings.takeBack(index, partial.next_offset);
    const stale = partial.provisional === true && partial.next_offset < this.#sources.all[index]!.nextOffset;
    for (const [name, boundaryMs, position, values, cells] of stale ? [] : partial.closings) {
      closings.say(boundaryMs, name, index, position, values, partial.provisional === true, cells);
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
    const left = this.#boundaries(passed, this.#rideClosings, this.#judge.boundaries("rides", passed));
    for (let boundaryMs = left.shift(); boundaryMs !== undefined; boundaryMs = left.shift()) {
      const cells = this.#rideClosings.cells(boundaryMs);
      const sums = this.#rideClosings.freeze(boundaryMs);
      this.#rideClosedMs = boundaryMs;
      for (const [name, said] of sums) {
        this.#city(name).closeRides(boundaryMs, { sums: said, cells: cells.get(name) ?? [] });
      }
      this.#judge.switchRules("rides", boundaryMs, out);
      for (const [name, city] of this.#sorted()) {
        this.#judge.judgeRides(name, { boundaryMs, knownMs: passed.knownMs }, sums.get(name), out);
        this.#publish(name, boundaryMs, "final", out);
        const nextMs = city.updates.close(boundaryMs, city.panes.newestPaneMs);
        if (nextMs !== null && nextMs > passed.untilMs) this.#publish(name, nextMs, "update", out);
      }
      this.#judge.tellAll("rides", boundaryMs, out);
      // A city may have fallen silent, or be judged by other rules, within the step.
      const more = this.#judge.boundaries("rides", { ...passed, beforeMs: boundaryMs });
      for (const ms of more) if (!left.includes(ms)) left.push(ms);
      left.sort((a, b) => a - b);
    }
    this.#rideClosings.closeUpTo(passed.untilMs);
    this.#rideClosedMs = passed.untilMs;
  }

  #closeSupply(passed: Passed, out: Outbox): void {
    const known = this.#sources.knowsSupply;
    if (known) this.#supplyFromMs ??= Math.max(-1, paneStart(passed.beforeMs));
    const others = this.#judge.boundaries("supply", passed);
    for (const boundaryMs of this.#boundaries(passed, this.#supplyClosings, others)) {
      const cells = this.#supplyClosings.cells(boundaryMs);
      const sums = this.#supplyClosings.freeze(boundaryMs);
      this.#supplyClosedMs = boundaryMs;
      for (const name of known ? sums.keys() : []) this.#city(name).gaugesAt(boundaryMs);
      this.#judge.switchRules("supply", boundaryMs, out);
      for (const [name, city] of this.#sorted()) {
        const gauges = city.gauges.get(boundaryMs);
        const asked = city.market.ask(boundaryMs, gauges?.rides?.cells ?? []);
        // Supply a day behind its rides finds them gone: nothing is judged by half of a boundary.
        const isHeld = boundaryMs - this.#context.windows.windowMs >= this.#droppedBelowMs;
        if (known && isHeld && gauges !== undefined) {
          const [available = 0, enRoute = 0, onTrip = 0] = sums.get(name) ?? [];
          gauges.supply = [available, enRoute, onTrip];
          const said = sums.has(name) ? gauges.supply : null;
          this.#judge.judgeSupply(name, { boundaryMs, said, asked, cells: cells.get(name) ?? [] }, out);
        }
        if (!sums.has(name)) this.#judge.judgeNoSupply(name, boundaryMs, out);
        if (gauges !== undefined) gauges.rides = null;
        if (known) this.#publish(name, boundaryMs, "final", out);
      }
      this.#judge.tellAll("supply", boundaryMs, out);
    }
    this.#supplyClosings.closeUpTo(passed.untilMs);
    this.#supplyClosedMs = passed.untilMs;
  }

  /** The boundaries in (before, until] at which a window ends or a source said something, and the `others`. */
  #boundaries({ beforeMs, untilMs }: Passed, closings: Closings, others: number[]): number[] {
    const boundaries = new Set([...closings.boundaries(untilMs), ...others]);
    for (const city of this.#cities.values()) {
      for (const end of city.panes.ends(paneStart(beforeMs), untilMs)) boundaries.add(end);
    }
    return [...boundaries].sort((a, b) => a - b);
  }

  #drop(): void {
    const { windows } = this.#context;
    const { realMs, rideMs, allMs } = this.#sources;
    const belowMs = droppableBelow({ realMs, rideMs: rideMs!, allMs }, windows);
    if (!Number.isFinite(belowMs) || belowMs <= this.#droppedBelowMs) return;
    this.#droppedBelowMs = belowMs;
    for (const [name, city] of this.#cities) {
      city.panes.dropBefore(belowMs, (at, [source, , , values]) => this.#leave(name, at, source, values));
      for (const end of city.gauges.keys()) if (end - windows.windowMs < belowMs) city.gauges.delete(end);
      const nothing = city.panes.empty && city.gauges.size === 0;
      const closed = Math.min(this.#rideClosedMs, this.#supplyClosedMs);
      if (nothing && this.#judge.isPast(city, closed)) this.#cities.delete(name);
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
    return this.#round.go(
      (name) => this.#update(name, out),
      () => out.records >= limits.outboxRecordsMax,
    );
  }

  get hasUpdates(): boolean {
    return !this.#round.isCalm;
  }

  #update(name: string, out: Outbox): boolean {
    const city = this.#cities.get(name);
    if (city === undefined) return false;
    const closedMs = this.#rideClosedMs;
    const ends = city.updates.take(city.panes.newestPaneMs, this.#context.windows.windowMs, closedMs);
    for (const end of ends) this.#publish(name, end, end <= closedMs ? "final" : "update", out);
    return !city.updates.calm;
  }

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
      key: outgoing(`${name}|${window.window_start}`),
      value: outgoing(JSON.stringify(window)),
      partition: this.#cities.get(name)!.windowsPartition,
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
      surgeProvisional: closed ? null : this.#provisionalSurge(city, endMs),
    });
  }

  /** What the window is summed from: for people who ask why. */
  parts(name: string, endMs: number): WindowParts {
    return this.#cities.get(name)?.panes.parts(endMs) ?? [];
  }

  #provisionalSurge(city: City, endMs: number): number | null {
    const rideMs = this.#sources.rideMs;
    if (rideMs === null || !Number.isFinite(rideMs)) return null;
    const run = (rideMs + this.#context.windows.delayMs - (endMs - paneMs)) / paneMs;
    return run <= 0 || run > 2 ? null : city.provisionalSurge(endMs, run);
  }

  #city(name: string): City {
    let city = this.#cities.get(name);
    if (city === undefined) {
      city = new City(this.#context, name, this.#panes);
      if (this.#judge.isWarmingUp) city.alerts.warmUp();
      city.panes.dropBefore(this.#droppedBelowMs);
      this.#cities.set(name, city);
    }
    return city;
  }

  #sorted(): [string, City][] {
    return [...this.#cities].sort(([a], [b]) => (a < b ? -1 : 1));
  }

  since(offset: number): void {
    if (offset === 0) return;
    const { partitionOf } = this.#context;
    this.#judge.warmUp((city) => partitionOf("city-partials", utf8(city)) === this.#partition);
  }

  /** Takes a transition of `alerts` from before a cold start. */
  recall(record: LogRecord): void {
    this.#judge.recall(record);
  }

  /** A cold start publishes every window it holds once, and its alerts go on from where they were. */
  markAll(): void {
    const closedMs = { rides: this.#rideClosedMs, supply: this.#supplyClosedMs };
    this.#judge.warmedUp(closedMs, (name) => this.#city(name));
    for (const [name, city] of this.#cities) {
      for (const end of city.panes.ends(-Infinity, Infinity)) city.updates.owe(end);
      this.#round.stir(name);
    }
  }

  *entries(): Generator<FoldEntry> {
    const closed = [this.#rideClosedMs, this.#supplyClosedMs].map((ms) => ms === Infinity ? "end" : ms);
    yield ["head", ...closed, this.#supplyFromMs, this.#droppedBelowMs, this.#unreadable];
    yield ["sources", this.#sources.state()];
    yield ["closings", this.#rideClosings.state(), this.#supplyClosings.state()];
    yield ["missed", this.#missed.state()];
    yield ["judge", this.#judge.state()];
    for (const [name, city] of this.#cities) yield ["city", name, city.state()];
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
      case "judge":
        this.#judge.restore(data[0] as CityJudgeState);
        break;
      case "city":
        this.#city(data[0] as string).restore(data[1] as CityState);
        break;
      default:
        invariant(false, `a snapshot of cities has no entries of kind ${kind}`);
    }
  }

  status(): FoldStatus {
    const actors = { city: this.#cities.size };
    return { watermarkMs: finite(this.#sources.rideMs), actors, unreadable: this.#unreadable };
  }

  get rules(): CityJudge["rules"] {
    return this.#judge.rules;
  }

  get sources(): readonly Source[] {
    return this.#sources.all;
  }

  get missed(): Missed[] {
    return this.#missed.list();
  }

  /** Watermark of the ride sources and of all sources, ms; +∞ after a replay has ended. */
  get watermarks(): { rideMs: number | null; allMs: number | null } {
    return { rideMs: this.#sources.rideMs, allMs: this.#sources.allMs };
  }
}

const finite = (ms: number | null): number | null => ms !== null && Number.isFinite(ms) ? ms : null;

export function citiesStage(context: StageContext): Stage<CitiesFold> {
  const { windowMs, latenessMs, holdMs } = context.windows;
  return {
    name: "cities",
    source: "city-partials",
    declaresIdle: false,
    flushPhase: 0.5,
    warmUpMs: 2 * windowMs + latenessMs + holdMs + usualMs + rowMs,
    recalls: "alerts",
    create: (partition) => new CitiesFold(context, partition),
  };
}
