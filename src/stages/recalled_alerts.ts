/** What a cold start reads back from `alerts`: of each city of its partition, what was told of each rule. */
import { alertTransition } from "../../schemas/alert.ts";
import { comparePlacing, type Placing } from "../alerts/newest.ts";
import type { Told } from "../alerts/recalled.ts";
import { parseJsonObject } from "../codec/json.ts";
import type { LogRecord } from "../fold.ts";

/**
 * Transitions kept of one rule in one city. What is needed are the newest one up to where the warm-up ends and the
 * firings of the hour before it; an old owner that went on may have told some beyond.
 */
const toldMax = 256;

type Held = Told & { placing: Placing };

export class RecalledAlerts {
  readonly #generation: number;
  readonly #isOurs: (city: string) => boolean;
  readonly #cities = new Map<string, Map<string, Held[]>>();

  /** `isOurs`: whether the partition folds that city. */
  constructor(generation: number, isOurs: (city: string) => boolean) {
    this.#generation = generation;
    this.#isOurs = isOurs;
  }

  /** Takes a record of `alerts`; what cannot be read, and what another generation told, is nothing to go on from. */
  take({ value }: LogRecord): void {
    const parsed = parseJsonObject(value);
    const read = parsed.ok ? alertTransition.safeParse(parsed.event) : parsed;
    if (!("success" in read) || !read.success) return;
    const { rule, city, state, since, window_end, rev } = read.data;
    if (Number(rev.slice(0, 4)) !== this.#generation || !this.#isOurs(city)) return;
    const rules = this.#cities.get(city) ?? new Map<string, Held[]>();
    this.#cities.set(city, rules);
    const told = rules.get(rule) ?? [];
    rules.set(rule, told);
    const placing = { window_end, rev };
    const after = told.findLastIndex((other) => comparePlacing(other.placing, placing) <= 0);
    const said = { state, sinceMs: Date.parse(since), boundaryMs: Date.parse(window_end), placing };
    if (after >= 0 && comparePlacing(told[after]!.placing, placing) === 0) told[after] = said;
    else told.splice(after + 1, 0, said);
    if (told.length > toldMax) told.shift();
  }

  /** In order of window end, by rule; of each city that anything was told of. */
  get cities(): ReadonlyMap<string, ReadonlyMap<string, readonly Told[]>> {
    return this.#cities;
  }
}
