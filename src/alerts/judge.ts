/**
 * How an alert goes on, pure: (rule, memory of one city, figures of the next boundary) → memory and transition.
 *
 *   ok ──breach──► pending ──`for` more in a row──► firing ──recovered, as long in a row──► ok
 *                     └──no breach──► ok (resolved)
 *
 * Judged once per closed boundary, in event time. A boundary below the floor, or without a value, is neither breach
 * nor recovery and ends no row; but a row lies within three hours: what came before them no longer counts, and an
 * alert that is pending by nothing else is resolved. An alert that fires again within the hour must recover for twice
 * as long, then four times: what flaps stays one incident.
 */
import { hourMs } from "../time.ts";
import type { AlertRule, Figures } from "./rule.ts";

export type AlertMemory = {
  state: "ok" | "pending" | "firing";
  /** End of the window that began the incident. */
  sinceMs: number;
  /** Boundaries in a row, oldest first: breaching ones while pending, recovering ones while firing. */
  row: readonly number[];
  /** When it fired within the last hour, oldest first. */
  fired: number[];
};

export const calm: AlertMemory = { state: "ok", sinceMs: 0, row: [], fired: [] };

export type Change = "pending" | "firing" | "resolved";
export type Judgement = { memory: AlertMemory; change: Change | null };

/** Firings this close together count as flapping. */
export const flappingMs = hourMs;
/** What a row lies within: the longest that a rule can wait for takes two hours. A cold start has to read as much. */
export const rowMs = 3 * hourMs;
/** The most that flapping multiplies the recovery by. Only who waits for less than half an hour flaps. */
const recoveryTimesMax = 4;

/** What the boundary does to the alert. */
export function judge(rule: AlertRule, memory: AlertMemory, boundaryMs: number, figures: Figures): Judgement {
  const row = within(memory.row, boundaryMs);
  if (memory.state === "pending" && row.length === 0) {
    return { memory: ended(memory, boundaryMs), change: "resolved" };
  }
  const value = rule.read(figures);
  const same: Judgement = { memory, change: null };
  if (value === null || !isJudged(rule, memory, value, figures)) return same;
  const breach = isBreach(rule, value);
  switch (memory.state) {
    case "ok":
      return breach ? begin(rule, memory, boundaryMs) : same;
    case "pending":
      return breach
        ? goOn(rule, { ...memory, row }, boundaryMs)
        : { memory: ended(memory, boundaryMs), change: "resolved" };
    case "firing": {
      const recovered = isRecovery(rule, value) ? [...row, boundaryMs] : [];
      return recovered.length > recoveryBoundaries(rule, memory)
        ? { memory: ended(memory, boundaryMs), change: "resolved" }
        : { memory: { ...memory, row: recovered }, change: null };
    }
  }
}

/** A silent city has nothing to be enough of; that it speaks again is worth a judgement whatever its usual. */
function isJudged(rule: AlertRule, memory: AlertMemory, value: number, figures: Figures): boolean {
  return rule.isEnough(figures) || (rule.isSilence && (value === 0 || memory.state !== "ok"));
}

function begin(rule: AlertRule, memory: AlertMemory, boundaryMs: number): Judgement {
  const begun: AlertMemory = { ...memory, state: "pending", sinceMs: boundaryMs, row: [] };
  const judged = goOn(rule, begun, boundaryMs);
  return { ...judged, change: judged.change ?? "pending" };
}

function goOn(rule: AlertRule, memory: AlertMemory, boundaryMs: number): Judgement {
  const row = [...memory.row, boundaryMs];
  if (row.length <= rule.forBoundaries) return { memory: { ...memory, row }, change: null };
  const fired = [...recent(memory.fired, boundaryMs), boundaryMs];
  return { memory: { ...memory, state: "firing", row: [], fired }, change: "firing" };
}

/** Over, for whatever reason; that it fired is remembered. */
export const ended = ({ fired }: AlertMemory, boundaryMs: number): AlertMemory => ({
  ...calm,
  fired: recent(fired, boundaryMs),
});

const recent = (fired: readonly number[], boundaryMs: number): number[] =>
  fired.filter((ms) => boundaryMs - ms < flappingMs);

/** What of the row counts at the boundary. */
export const within = (row: readonly number[], boundaryMs: number): readonly number[] =>
  row.length === 0 || boundaryMs - row[0]! < rowMs ? row : row.filter((ms) => boundaryMs - ms < rowMs);

const recoveryBoundaries = (rule: AlertRule, { fired }: AlertMemory): number =>
  rule.clearBoundaries * Math.min(recoveryTimesMax, 2 ** Math.max(0, fired.length - 1));

export const isBreach = (rule: AlertRule, value: number): boolean =>
  isBeyond(rule, value, rule.wire.threshold);

export const isRecovery = (rule: AlertRule, value: number): boolean =>
  rule.isSilence ? !isBreach(rule, value) : isBeyond(opposite(rule), value, rule.clear);

const isBeyond = ({ wire: { breach } }: Sided, value: number, limit: number): boolean =>
  breach === "above" ? value > limit : value < limit;

type Sided = { wire: Pick<AlertRule["wire"], "breach"> };

const opposite = ({ wire: { breach } }: AlertRule): Sided => ({
  wire: { breach: breach === "above" ? "below" : "above" },
});
