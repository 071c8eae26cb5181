/**
 * What is said of cities at a closed boundary: alerts by the rules in force, surge, cells. The judging half of the
 * cities stage; when a boundary is closed, and with which sums, is said by the fold.
 *
 * A set of rules comes into force for a boundary of all cities at once; so does what a new generation says where it
 * takes over.
 */
import type { CityCells } from "../../schemas/city_cells.ts";
import type { Figures, Moment } from "../alerts/rule.ts";
import { RuleBook, type RuleBookState } from "../alerts/rule_book.ts";
import type { LogRecord, Outbox } from "../fold.ts";
import { utf8 } from "../ids.ts";
import { isoTime } from "../time.ts";
import { formatRev } from "../windows/rev.ts";
import { paneMs } from "../windows/settings.ts";
import type { AskedCells } from "./asked_cells.ts";
import { City } from "./city.ts";
import type { ClosedBoundary } from "./city_alerts.ts";
import type { Passed } from "./city_sources.ts";
import type { StageContext } from "./context.ts";
import { isPublished } from "./cut.ts";
import { endedRides, rideFigures, type RideSums, type Supply, supplyFigures } from "./rule_figures.ts";
import { RecalledAlerts } from "./recalled_alerts.ts";
import { decodeRules } from "./rule_record.ts";
import { Takeover, type TakeoverState } from "./takeover.ts";

export type CityJudgeState = { rules: RuleBookState; takeover: TakeoverState };

/**
 * Drivers at the boundary, null when none of the city spoke, where the available ones are, and where the requests of the
 * window were made.
 */
export type ClosedSupply = {
  boundaryMs: number;
  said: Supply | null;
  cells: AskedCells;
  asked: ReadonlyMap<string, number>;
};

export class CityJudge {
  readonly #context: StageContext;
  readonly #rules = new RuleBook();
  readonly #takeover: Takeover;
  readonly #cities: ReadonlyMap<string, City>;
  /** What was told before a cold start; null when it is no cold start, or warm by now. */
  #recalled: RecalledAlerts | null = null;

  constructor(context: StageContext, cities: ReadonlyMap<string, City>) {
    this.#context = context;
    this.#takeover = new Takeover(context.cut.fromMs);
    this.#cities = cities;
  }

  /** A cold start begins. `isOurs`: whether the partition folds that city. */
  warmUp(isOurs: (city: string) => boolean): void {
    this.#recalled = new RecalledAlerts(this.#context.generation, isOurs);
  }

  /** Takes a record of `alerts` from before the cold start. */
  recall(record: LogRecord): void {
    this.#recalled?.take(record);
  }

  get isWarmingUp(): boolean {
    return this.#recalled !== null;
  }

  /**
   * The warm-up is over: alerts go on from what was told up to the closed boundaries, not from what a warm-up without
   * their beginnings made of them. Before the cut nothing was told, and the warm-up is all there is.
   */
  warmedUp(closedMs: Record<Moment, number>, cityOf: (name: string) => City): void {
    const told = this.#recalled?.cities ?? new Map<string, never>();
    this.#recalled = null;
    for (const moment of ["rides", "supply"] as const) {
      const boundaryMs = closedMs[moment];
      if (!isPublished(this.#context.cut, boundaryMs)) continue;
      const rules = this.#rules.rules(moment);
      for (const name of new Set([...told.keys(), ...this.#cities.keys()])) {
        cityOf(name).alerts.recall(rules, told.get(name) ?? new Map(), { city: name, moment, boundaryMs });
      }
    }
    for (const city of this.#cities.values()) city.alerts.warmedUp();
  }

  /** Takes a set of rules over; false when the record is none. */
  take(record: LogRecord): boolean {
    const rules = decodeRules(record.value);
    if (rules?.generation === this.#context.generation) this.#rules.say(rules.set, record.timestampMs);
    return rules !== null;
  }

  /** The rules said last, and when; null: the built-in ones. */
  get rules(): Pick<RuleBook, "newest" | "saidMs"> {
    return this.#rules;
  }

  /** Boundaries at which there is something to say whether or not a source said anything. */
  boundaries(moment: Moment, passed: Passed): number[] {
    const { beforeMs, knownMs } = passed;
    const takeover = this.#takeover.in(passed);
    const switches = this.#rules.switches(moment, paneMs).filter((ms) => ms > beforeMs && ms <= knownMs);
    const rules = this.#rules.rules(moment);
    const silent: number[] = [];
    for (const { alerts } of this.#cities.values()) {
      if (moment === "rides") silent.push(...alerts.silentBoundaries(rules, beforeMs, knownMs));
      else {
        const endsMs = alerts.supplyEndsMs(rules);
        if (endsMs !== null && endsMs > beforeMs && endsMs <= knownMs) silent.push(endsMs);
      }
    }
    return [...takeover, ...switches, ...silent];
  }

  /**
   * The rides of a boundary are closed; undefined where the sources said nothing of the city. That is silence, but
   * not at the end of a replay, after which nobody speaks.
   */
  judgeRides(
    name: string,
    { boundaryMs, knownMs }: { boundaryMs: number; knownMs: number },
    sums: RideSums | undefined,
    out: Outbox,
  ): void {
    const city = this.#cities.get(name)!;
    const rules = this.#rules.rules("rides");
    if (sums !== undefined) this.#takeover.note(name, boundaryMs, "rides");
    else if (boundaryMs > knownMs || !city.alerts.isSilentAt(rules, boundaryMs)) return;
    const usual = city.gauges.get(boundaryMs)?.rides?.usual ?? city.market.usualRides(boundaryMs);
    const figures = rideFigures(sums ?? [], usual);
    city.alerts.judge(rules, closedOf("rides", name, boundaryMs, figures, sums), out);
    if (sums !== undefined) city.market.closeRides(boundaryMs, figures.requests!, figures.total_events!);
  }

  /** The supply of a boundary is closed, after its rides. */
  judgeSupply(name: string, closed: ClosedSupply, out: Outbox): void {
    const { boundaryMs, said } = closed;
    const city = this.#cities.get(name)!;
    const gauges = city.gaugesAt(boundaryMs);
    const { sums, usual } = gauges.rides ?? { sums: [], usual: { requests: null, events: null } };
    const available = city.market.usualAvailable(boundaryMs);
    const { surge, cells } = city.market.closeSupply({
      boundaryMs,
      asked: sums[1] ?? 0,
      supply: said,
      requestCells: closed.asked,
      supplyCells: closed.cells,
      windowMs: this.#context.windows.windowMs,
    });
    gauges.surge = surge;
    this.#publishCells({ city: name, at: isoTime(boundaryMs), cells }, boundaryMs, out);
    if (said === null) return;
    this.#takeover.note(name, boundaryMs, "supply");
    const whole = { ...usual, available };
    const figures = { ...rideFigures(sums, whole), ...supplyFigures(said, surge, whole) };
    city.alerts.judge(this.#rules.rules("supply"), closedOf("supply", name, boundaryMs, figures, sums), out);
  }

  /** Nothing was said of the city's drivers: once that has lasted a day, nothing about them stays open. */
  judgeNoSupply(name: string, boundaryMs: number, out: Outbox): void {
    const { alerts } = this.#cities.get(name)!;
    alerts.endSupply(this.#rules.rules("supply"), closedOf("supply", name, boundaryMs, {}, undefined), out);
  }

  /** Another set comes into force: what it no longer has is ended. */
  switchRules(moment: Moment, boundaryMs: number, out: Outbox): void {
    const before = this.#rules.advance(moment, boundaryMs);
    if (before === null) return;
    const rules = this.#rules.rules(moment);
    for (const name of [...this.#cities.keys()].sort()) {
      const closed = closedOf(moment, name, boundaryMs, {}, undefined);
      this.#cities.get(name)!.alerts.withdraw(before, rules, closed, out);
    }
  }

  /** At the boundary where this generation takes over: how every alert stands. */
  tellAll(moment: Moment, boundaryMs: number, out: Outbox): void {
    for (const name of this.#takeover.at(boundaryMs, moment)) {
      const city = this.#cities.get(name) ?? new City(this.#context, name);
      const sums = city.gauges.get(boundaryMs)?.rides?.sums;
      const figures = rideFigures(sums ?? [], city.market.usualRides(boundaryMs));
      city.alerts.tellAll(this.#rules.rules(moment), closedOf(moment, name, boundaryMs, figures, sums), out);
    }
    if (moment === "supply") this.#takeover.done(boundaryMs);
  }

  /** Whether the city can be forgotten without a difference to anything said later. */
  isPast(city: City, closedMs: number): boolean {
    return city.market.isPast(closedMs) && city.alerts.isPast(closedMs);
  }

  state(): CityJudgeState {
    return { rules: this.#rules.state(), takeover: this.#takeover.state };
  }

  restore({ rules, takeover }: CityJudgeState): void {
    this.#rules.restore(rules);
    this.#takeover.restore(takeover);
  }

  #publishCells(cells: Pick<CityCells, "city" | "at" | "cells">, boundaryMs: number, out: Outbox): void {
    if (cells.cells.length === 0 || !isPublished(this.#context.cut, boundaryMs)) return;
    const { generation, cellResolution: resolution } = this.#context;
    const value: CityCells = { ...cells, rev: formatRev(generation, boundaryMs / paneMs, 2), resolution };
    const key = utf8(cells.city);
    const partition = this.#context.partitionOf("city-cells", key);
    out.push({ topic: "city-cells", key, value: utf8(JSON.stringify(value)), partition });
  }
}

function closedOf(
  moment: Moment,
  city: string,
  boundaryMs: number,
  figures: Figures,
  sums: RideSums | undefined,
): ClosedBoundary {
  const { requests = 0, open_requests: open = 0, available_drivers: available } = figures;
  const counts = {
    ...endedRides(sums ?? []),
    requests: requests ?? 0,
    open_requests: open ?? 0,
    ...(typeof available === "number" && { available_drivers: available }),
  };
  return { city, boundaryMs, moment, figures, counts, isSilent: sums === undefined };
}
