/**
 * A rule as it is judged: pure, made from its checked written form.
 *
 * `value` is a field of the closed list, one divided by another, or silence. Everything a rule sees are figures made
 * from frozen closing sums, so that any replay of the same log judges the same.
 */
import { type AlertRuleWire, rideRuleFields, type RuleField, silence } from "../../schemas/alert_rule.ts";

/** What a closed boundary says of one city; null or absent where there is nothing to say. */
export type Figures = { readonly [F in RuleField]?: number | null };

/** Whether the supply of the boundary must be known before the rule can be judged. */
export type Moment = "rides" | "supply";

export type AlertRule = {
  readonly wire: AlertRuleWire;
  readonly name: string;
  /** Of its memory. A rule that moves to another moment is another rule: each moment goes on by itself. */
  readonly key: string;
  /** What it reads: of its value and of its floor. Empty for silence without a floor. */
  readonly fields: readonly RuleField[];
  readonly moment: Moment;
  readonly isSilence: boolean;
  /** Boundaries in a row, after the first, that must breach before it fires: minutes. */
  readonly forBoundaries: number;
  /** The same for a recovery. A city that speaks again is silent no longer. */
  readonly clearBoundaries: number;
  readonly clear: number;
  covers(city: string): boolean;
  /** Null when it cannot be said. */
  read(figures: Figures): number | null;
  /** Whether there is enough to judge by. */
  isEnough(figures: Figures): boolean;
};

export function ruleOf(wire: AlertRuleWire): AlertRule {
  const [field, divisor] = wire.value.split(" / ") as [RuleField | typeof silence, RuleField | undefined];
  const fields = [field, divisor, wire.floor?.field].filter((f): f is RuleField =>
    f !== undefined && f !== silence
  );
  const forBoundaries = Number(wire.for.slice(0, -1));
  const moment = fields.every(isRideField) ? "rides" : "supply";
  return {
    wire,
    name: wire.name,
    key: `${moment} ${wire.name}`,
    fields,
    moment,
    isSilence: field === silence,
    forBoundaries,
    clearBoundaries: field === silence ? 0 : forBoundaries,
    clear: wire.clear ?? wire.threshold,
    covers: coverage(wire.cities),
    read(figures) {
      if (field === silence) return (figures.total_events ?? 0) === 0 ? 1 : 0;
      const value = figures[field] ?? null;
      if (divisor === undefined || value === null) return value;
      const by = figures[divisor] ?? 0;
      return by === 0 ? null : value / by;
    },
    isEnough: ({ [wire.floor?.field ?? "total_events"]: have }) =>
      wire.floor === undefined || (have ?? -Infinity) >= wire.floor.min,
  };
}

const isRideField = (field: RuleField): boolean => (rideRuleFields as readonly string[]).includes(field);

/** "*" is every city; names are those; "!name" leaves one out of what the others say, or of all when alone. */
function coverage(patterns: readonly string[]): (city: string) => boolean {
  const left = new Set(patterns.filter((p) => p.startsWith("!")).map((p) => p.slice(1)));
  const named = new Set(patterns.filter((p) => !p.startsWith("!")));
  const all = named.has("*") || named.size === 0;
  return (city) => !left.has(city) && (all || named.has(city));
}
