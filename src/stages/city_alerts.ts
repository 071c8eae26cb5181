/**
 * The alerts of one city: the memory of every rule, judged boundary by boundary on frozen closing sums.
 *
 * Rules over rides are judged when the rides of a boundary are closed, rules over supply when its supply is. A city
 * that falls silent is judged by its silence rules for as many minutes as they need, and then has nothing to say until
 * events come again; after a day of silence that alert is given up.
 */
import {
  type AlertMemory,
  calm,
  type Change,
  ended,
  flappingMs,
  judge,
  type Judgement,
} from "../alerts/judge.ts";
import { noRows, recalledMemory, type Rows, rowsAfter, type Told } from "../alerts/recalled.ts";
import type { AlertRule, Figures, Moment } from "../alerts/rule.ts";
import type { AlertTransition } from "../../schemas/alert.ts";
import type { Outbox } from "../fold.ts";
import { dayMs } from "../time.ts";
import { paneMs } from "../windows/settings.ts";
import { alertOutput, alertTransitionOf } from "./alert_transition.ts";
import type { StageContext } from "./context.ts";
import { isPublished } from "./cut.ts";

/** What is known of a city at a boundary. */
export type ClosedBoundary = {
  city: string;
  boundaryMs: number;
  moment: Moment;
  figures: Figures;
  /** Shown with a transition. */
  counts: Record<string, number>;
  /** Whether the ride sources said nothing of the city: only silence can be judged then. */
  isSilent: boolean;
};

export type CityAlertsState = {
  memories: [rule: string, memory: AlertMemory][];
  eventsMs: number | null;
  supplyMs: number | null;
};

/** A city silent for so long is no news any more. */
const givenUpMs = dayMs;
/** The most boundaries after the last events at which a rule can judge silence: `for` is 120m at most. */
const silenceMaxMs = 121 * paneMs;

export class CityAlerts {
  readonly #context: StageContext;
  #memories = new Map<string, AlertMemory>();
  /** End of the last window that had events; null before the first and after giving up. */
  #eventsMs: number | null = null;
  /** The last boundary with drivers; null before the first and after giving up. */
  #supplyMs: number | null = null;
  /** Seen while a cold start warms up; null at all other times. */
  #rows: Map<string, Rows> | null = null;

  constructor(context: StageContext) {
    this.#context = context;
  }

  /** Judges every rule that can be judged at that moment. Before the cut the memory goes on just the same, in silence. */
  judge(rules: readonly AlertRule[], closed: ClosedBoundary, out: Outbox): void {
    const { city, boundaryMs, moment, figures, isSilent } = closed;
    const hasEvents = moment === "rides" && (figures.total_events ?? 0) > 0;
    if (hasEvents) this.#eventsMs = boundaryMs;
    if (moment === "supply") this.#supplyMs = boundaryMs;
    const givesUp = moment === "rides" && !hasEvents && this.#eventsMs !== null &&
      boundaryMs >= this.#eventsMs + givenUpMs;
    for (const rule of rules) {
      if (rule.moment !== moment || !rule.covers(city) || (isSilent && !rule.isSilence && !givesUp)) continue;
      const memory = this.#memories.get(rule.key) ?? calm;
      const rows = this.#rows?.get(rule.key) ?? noRows;
      this.#rows?.set(rule.key, rowsAfter(rule, rows, boundaryMs, figures));
      const judged = givesUp && (rule.isSilence || isSilent)
        ? givenUp(memory, boundaryMs)
        : judge(rule, memory, boundaryMs, figures);
      if (judged.memory !== memory) this.#memories.set(rule.key, judged.memory);
      if (judged.change === null) continue;
      const sinceMs = judged.change === "resolved" ? memory.sinceMs : judged.memory.sinceMs;
      this.#tell(rule, { state: stateOf(rule, judged.change), sinceMs }, closed, out);
    }
    if (givesUp) this.#eventsMs = null;
  }

  /** When a day will have passed without drivers, while an alert about them is open. */
  supplyEndsMs(rules: readonly AlertRule[]): number | null {
    return this.#supplyMs !== null && this.#isOpen(rules, "supply") ? this.#supplyMs + givenUpMs : null;
  }

  /** After a day without drivers no alert about them is news any more. */
  endSupply(rules: readonly AlertRule[], closed: ClosedBoundary, out: Outbox): void {
    if (this.supplyEndsMs(rules) !== closed.boundaryMs) return;
    this.withdraw(rules, [], closed, out);
    this.#supplyMs = null;
  }

  /** A cold start warms up: what its judgements come to counts for nothing, but rows do. */
  warmUp(): void {
    this.#rows = new Map();
  }

  /** The warm-up is over: every rule of the moment goes on from what was told of it, up to the boundary. */
  recall(
    rules: readonly AlertRule[],
    told: ReadonlyMap<string, readonly Told[]>,
    { city, moment, boundaryMs }: Pick<ClosedBoundary, "city" | "moment" | "boundaryMs">,
  ): void {
    // Silence first: it says best when the city was heard of last.
    for (const rule of rules.toSorted((a, b) => Number(b.isSilence) - Number(a.isSilence))) {
      if (rule.moment !== moment || !rule.covers(city)) continue;
      const past = (told.get(rule.name) ?? []).filter((t) => t.boundaryMs <= boundaryMs);
      const memory = recalledMemory(rule, past, this.#rows?.get(rule.key) ?? noRows, boundaryMs);
      this.#memories.set(rule.key, memory);
      if (memory.state === "ok") continue;
      const heardMs = rule.isSilence ? memory.sinceMs - paneMs : past.at(-1)!.boundaryMs;
      if (moment === "rides") this.#eventsMs ??= heardMs;
      else this.#supplyMs ??= heardMs;
    }
  }

  /** Both moments have been recalled. */
  warmedUp(): void {
    this.#rows = null;
  }

  /** Ends the alerts of rules of that moment that are no longer in force, or cover the city no longer. */
  withdraw(
    before: readonly AlertRule[],
    rules: readonly AlertRule[],
    closed: ClosedBoundary,
    out: Outbox,
  ): void {
    const { city, moment } = closed;
    for (const rule of before) {
      if (rule.moment !== moment || !rule.covers(city)) continue;
      if (rules.some((r) => r.name === rule.name && r.moment === moment && r.covers(city))) continue;
      const memory = this.#memories.get(rule.key);
      this.#memories.delete(rule.key);
      if (memory === undefined || memory.state === "ok") continue;
      this.#tell(rule, { state: "resolved", sinceMs: memory.sinceMs }, closed, out);
    }
  }

  /** How every alert stands as of the boundary; a calm one as resolved there, whatever others left open. */
  tellAll(rules: readonly AlertRule[], closed: ClosedBoundary, out: Outbox): void {
    for (const rule of rules) {
      if (rule.moment !== closed.moment || !rule.covers(closed.city)) continue;
      const memory = this.#memories.get(rule.key) ?? calm;
      const stands = memory.state === "ok"
        ? { state: "resolved" as const, sinceMs: closed.boundaryMs }
        : { state: stateOf(rule, memory.state), sinceMs: memory.sinceMs };
      out.push(this.#output(rule, stands, closed));
    }
  }

  /** The boundaries in (before, until] at which silence has something to say. Asked of every city, at every boundary. */
  silentBoundaries(rules: readonly AlertRule[], beforeMs: number, untilMs: number): number[] {
    const boundaries: number[] = [];
    if (this.#eventsMs === null) return boundaries;
    const note = (fromMs: number, minutes: number) => {
      for (let i = 1; i <= minutes; i++) {
        const ms = fromMs + i * paneMs;
        if (ms > beforeMs && ms <= untilMs) boundaries.push(ms);
      }
    };
    let most = 0;
    for (const rule of rules) {
      if (!rule.isSilence) continue;
      most = Math.max(most, rule.forBoundaries + 1);
      const memory = this.#memories.get(rule.key);
      if (memory?.state === "pending") note(memory.sinceMs, rule.forBoundaries);
    }
    if (this.#eventsMs < untilMs) note(this.#eventsMs, most);
    const givenUpAtMs = this.#eventsMs + givenUpMs;
    if (givenUpAtMs > beforeMs && givenUpAtMs <= untilMs && this.#isOpen(rules, "rides")) {
      boundaries.push(givenUpAtMs);
    }
    return boundaries;
  }

  isSilentAt(rules: readonly AlertRule[], boundaryMs: number): boolean {
    return this.silentBoundaries(rules, boundaryMs - 1, boundaryMs).length > 0;
  }

  /** Whether forgetting it changes nothing that any boundary after this one could say. */
  isPast(boundaryMs: number): boolean {
    const open = [...this.#memories.values()].some(({ state, fired }) =>
      state !== "ok" || fired.some((ms) => boundaryMs - ms < flappingMs)
    );
    // By the longest rule there may be: a set that comes later may have it.
    return !open && (this.#eventsMs === null || this.#eventsMs + silenceMaxMs <= boundaryMs);
  }

  state(): CityAlertsState {
    return { memories: [...this.#memories], eventsMs: this.#eventsMs, supplyMs: this.#supplyMs };
  }

  restore({ memories, eventsMs, supplyMs }: CityAlertsState): void {
    this.#memories = new Map(memories);
    this.#eventsMs = eventsMs;
    this.#supplyMs = supplyMs;
  }

  #isOpen(rules: readonly AlertRule[], moment: Moment): boolean {
    return rules.some((rule) =>
      rule.moment === moment && (this.#memories.get(rule.key)?.state ?? "ok") !== "ok"
    );
  }

  #tell(rule: AlertRule, stands: Stands, closed: ClosedBoundary, out: Outbox): void {
    if (isPublished(this.#context.cut, closed.boundaryMs)) out.push(this.#output(rule, stands, closed));
  }

  #output(rule: AlertRule, stands: Stands, { city, boundaryMs, figures, counts, isSilent }: ClosedBoundary) {
    const value = isSilent && !rule.isSilence ? null : rule.read(figures);
    const facts = { rule, city, ...stands, boundaryMs, value, counts };
    return alertOutput(alertTransitionOf(facts, this.#context), this.#context);
  }
}

/** After a day without events nothing of the city is news any more. */
const givenUp = (memory: AlertMemory, boundaryMs: number): Judgement =>
  memory.state === "ok"
    ? { memory, change: null }
    : { memory: ended(memory, boundaryMs), change: "resolved" };

type Stands = { state: AlertTransition["state"]; sinceMs: number };

/** A city without events is a state of its own: it pages whoever runs the pipeline, not the city. */
const stateOf = (rule: AlertRule, change: Change): AlertTransition["state"] =>
  rule.isSilence && change === "firing" ? "no_data" : change;
