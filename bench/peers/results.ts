/**
 * What a system published, held against the recount while it comes in.
 *
 * The newest version of a window counts: the greatest `rev` where there is one, else what came last, since each system
 * writes a window to one partition.
 */
import { fromUtf8 } from "../../src/ids.ts";
import type { Log, Membership } from "../../src/log/port.ts";
import { newerRev } from "../../src/windows/rev.ts";
import { keyOf, type WindowFigures } from "../workload_recount.ts";

export type Published = Record<keyof WindowFigures, number> & {
  city: string;
  /** ISO 8601 or milliseconds. */
  window_start: string | number;
  rev?: string;
};

export type Results = {
  /** Every window that should be there is, with the right figures. */
  complete(): boolean;
  /** Records published so far. */
  records(): number;
  verdict(): Verdict;
  close(): Promise<void>;
};

export type Verdict = {
  expected: number;
  equal: number;
  missing: number;
  wrong: number;
  /** Windows that no event is in. */
  unexpected: number;
  records: number;
  /** The first wrong one, for a reader. */
  example: string | null;
};

/** Cents are rounded by each system in its own way. */
const fareTolerance = 0.0051;

export function newVerdict(expected: ReadonlyMap<string, WindowFigures>) {
  const newest = new Map<string, { equal: boolean; rev: string | undefined; window: Published }>();
  let equal = 0;
  let records = 0;
  let unexpected = 0;
  return {
    add(window: Published): void {
      records++;
      if (window.city === "end") return;
      const key = keyOf(window.city, new Date(window.window_start).getTime());
      const wanted = expected.get(key);
      if (wanted === undefined) return void unexpected++;
      const held = newest.get(key);
      if (held?.rev !== undefined && window.rev !== undefined && !newerRev(window.rev, held.rev)) return;
      const now = isEqual(window, wanted);
      equal += Number(now) - Number(held?.equal ?? false);
      newest.set(key, { equal: now, rev: window.rev, window });
    },
    complete: () => equal === expected.size,
    records: () => records,
    verdict(): Verdict {
      const wrong = [...newest].find(([, held]) => !held.equal);
      return {
        expected: expected.size,
        equal,
        missing: expected.size - newest.size,
        wrong: newest.size - equal,
        unexpected,
        records,
        example: wrong === undefined
          ? null
          : `${JSON.stringify(wrong[1].window)} instead of ${JSON.stringify(expected.get(wrong[0]))}`,
      };
    },
  };
}

function isEqual(window: Published, wanted: WindowFigures): boolean {
  return window.total_events === wanted.total_events && window.requests === wanted.requests &&
    window.completions === wanted.completions && window.cancellations === wanted.cancellations &&
    window.unique_riders === wanted.unique_riders &&
    Math.abs(window.avg_fare - wanted.avg_fare / 100) < fareTolerance;
}

/** Reads `topic` from its beginning, for ever. */
export async function watchResults(
  log: Log,
  topic: string,
  expected: ReadonlyMap<string, WindowFigures>,
): Promise<Results> {
  const verdict = newVerdict(expected);
  let failure: unknown = null;
  const member: Membership = await log.join({
    group: `results-${topic}`,
    topics: [topic],
    handlers: {
      assigned: () => Promise.resolve(0),
      batch(_, records) {
        for (const { value } of records) verdict.add(JSON.parse(fromUtf8(value)) as Published);
        return Promise.resolve();
      },
      empty: () => Promise.resolve(),
      revoked: () => Promise.resolve(),
      lost() {},
      failed: (_, error) => failure = error,
    },
  });
  return {
    complete() {
      if (failure !== null) throw failure;
      return verdict.complete();
    },
    records: verdict.records,
    verdict: verdict.verdict,
    close: () => member.leave(),
  };
}
