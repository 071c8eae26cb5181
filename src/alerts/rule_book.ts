/**
 * Which rules are in force at a boundary: pure, and the same for every replay of the log the sets came through.
 *
 * A set replaces those with lower versions for the boundaries after its own `fromMs`. Before the first one the
 * built-in rules are in force. A set that comes when boundaries after its `fromMs` are closed already is in force
 * from the next one on: what was judged stands. Rides close before supply does, so each moment moves on by itself.
 */
import type { AlertRuleSetWire } from "../../schemas/alert_rule.ts";
import { builtInRules } from "./built_in.ts";
import { type AlertRule, type Moment, ruleOf } from "./rule.ts";

/** In force for boundaries after `fromMs`. */
export type RuleSetAt = AlertRuleSetWire & { fromMs: number };

type Held = { version: number; fromMs: number; set: RuleSetAt | null; rules: readonly AlertRule[] };

const builtIn: Held = { version: 0, fromMs: -Infinity, set: null, rules: builtInRules };

/** What a snapshot keeps. `saidMs`: log time of the record that said the newest set last. */
export type RuleBookState = {
  sets: RuleSetAt[];
  saidMs: number | null;
  inForce: Record<Moment, number>;
};

export class RuleBook {
  /** In order of version; the built-in set until both moments have left it. */
  #held: Held[] = [builtIn];
  #saidMs: number | null = null;
  #inForce: Record<Moment, Held> = { rides: builtIn, supply: builtIn };

  /** Takes a set over; false when it is not newer than what is known. */
  say(set: RuleSetAt, saidMs: number): boolean {
    const { version } = this.#held.at(-1)!;
    if (set.version < version) return false;
    this.#saidMs = saidMs;
    if (set.version === version) return false;
    this.#held.push(heldOf(set));
    return true;
  }

  /** Moves on to the boundary. Returns the rules left behind when another set comes into force with it. */
  advance(moment: Moment, boundaryMs: number): readonly AlertRule[] | null {
    const before = this.#inForce[moment];
    const next = this.#held.findLast(({ fromMs }) => fromMs < boundaryMs) ?? before;
    if (next.version <= before.version) return null;
    this.#inForce[moment] = next;
    const { rides, supply } = this.#inForce;
    const oldest = Math.min(rides.version, supply.version);
    this.#held = this.#held.filter(({ version }) => version >= oldest);
    return before.rules;
  }

  /** The rules in force at the boundary last moved on to. */
  rules(moment: Moment): readonly AlertRule[] {
    return this.#inForce[moment].rules;
  }

  /** First boundaries of sets that are not in force yet. */
  switches(moment: Moment, stepMs: number): number[] {
    const { version } = this.#inForce[moment];
    return this.#held.filter((held) => held.version > version).map(({ fromMs }) =>
      (Math.floor(fromMs / stepMs) + 1) * stepMs
    );
  }

  /** The set with the greatest version said so far; null: the built-in one. */
  get newest(): RuleSetAt | null {
    return this.#held.at(-1)!.set;
  }

  /** Log time of the record that said the newest set last. */
  get saidMs(): number | null {
    return this.#saidMs;
  }

  state(): RuleBookState {
    const { rides, supply } = this.#inForce;
    return {
      sets: this.#held.flatMap(({ set }) => set ?? []),
      saidMs: this.#saidMs,
      inForce: { rides: rides.version, supply: supply.version },
    };
  }

  restore({ sets, saidMs, inForce }: RuleBookState): void {
    this.#held = [builtIn, ...sets.map(heldOf)];
    this.#saidMs = saidMs;
    const at = (version: number) => this.#held.find((held) => held.version === version) ?? builtIn;
    this.#inForce = { rides: at(inForce.rides), supply: at(inForce.supply) };
    const oldest = Math.min(inForce.rides, inForce.supply);
    this.#held = this.#held.filter(({ version }) => version >= oldest);
  }
}

const heldOf = (set: RuleSetAt): Held => ({
  version: set.version,
  fromMs: set.fromMs,
  set,
  rules: set.rules.map(ruleOf),
});
