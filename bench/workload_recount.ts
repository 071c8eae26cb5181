/**
 * The windows of the workload as a batch program counts them: from the events as they were made, before anything wrote
 * or parsed them. Windows of five minutes, or as given, sliding by one, per city; panes of a minute, riders as sets, their
 * union counted anew for every window, unless it has the same panes as the one before.
 */
import { isoTime, minuteMs, secondMs } from "../src/time.ts";
import { cities, type WorkloadEvent } from "./workload.ts";

/** The six metrics that every system is asked for. */
export type WindowFigures = {
  total_events: number;
  requests: number;
  completions: number;
  cancellations: number;
  /** Cents, not rounded. */
  avg_fare: number;
  unique_riders: number;
};

export type Recount = {
  add(event: WorkloadEvent): void;
  /** By `city|window_start`; ends the recount. */
  windows(): Map<string, WindowFigures>;
};

type Pane = Omit<WindowFigures, "avg_fare" | "unique_riders"> & { fareCents: number; riders: Set<number> };

/** Events come no further behind the newest one. */
const disorderMsMax = 5 * secondMs;

/** `names`: of the workload's cities. */
export function newRecount(names: readonly string[] = cities, windowMs = 5 * minuteMs): Recount {
  const panesPerWindow = windowMs / minuteMs;
  /** The newest window of each city. */
  const before = names.map((): { held: Pane[]; figures: WindowFigures } | null => null);
  const panes = new Map<number, (Pane | undefined)[]>();
  const counted = new Map<string, WindowFigures>();
  let newestMs = -Infinity;
  let openFrom = Infinity;

  function close(untilMinute: number): void {
    if (openFrom === Infinity) return;
    for (; openFrom + panesPerWindow <= untilMinute; openFrom++) {
      for (let city = 0; city < names.length; city++) {
        const held: Pane[] = [];
        for (let i = 0; i < panesPerWindow; i++) {
          const pane = panes.get(openFrom + i)?.[city];
          if (pane !== undefined) held.push(pane);
        }
        if (held.length === 0) continue;
        const last = before[city] ?? null;
        const isSame = last?.held.length === held.length && held.every((pane, i) => pane === last.held[i]);
        const figures = isSame ? last!.figures : sum(held);
        before[city] = { held, figures };
        counted.set(keyOf(names[city]!, openFrom * minuteMs), figures);
      }
      panes.delete(openFrom);
    }
  }

  return {
    add({ city, timeMs, type, rider, estimatedFareCents }) {
      if (city < 0) return;
      const minute = Math.floor(timeMs / minuteMs);
      openFrom = Math.min(openFrom, minute - panesPerWindow + 1);
      if (timeMs > newestMs) {
        newestMs = timeMs;
        close(Math.floor((newestMs - disorderMsMax) / minuteMs));
      }
      let row = panes.get(minute);
      if (row === undefined) panes.set(minute, row = []);
      const pane = row[city] ??= {
        total_events: 0,
        requests: 0,
        completions: 0,
        cancellations: 0,
        fareCents: 0,
        riders: new Set(),
      };
      pane.total_events++;
      if (type === "requested") pane.requests++;
      else if (type === "completed") pane.completions++;
      else if (type === "cancelled") pane.cancellations++;
      pane.fareCents += estimatedFareCents;
      pane.riders.add(rider);
    },
    windows() {
      close(Math.floor(newestMs / minuteMs) + panesPerWindow + 1);
      return counted;
    },
  };
}

function sum(panes: readonly Pane[]): WindowFigures {
  const total = { total_events: 0, requests: 0, completions: 0, cancellations: 0 };
  let fareCents = 0;
  const riders = new Set<number>();
  for (const pane of panes) {
    total.total_events += pane.total_events;
    total.requests += pane.requests;
    total.completions += pane.completions;
    total.cancellations += pane.cancellations;
    fareCents += pane.fareCents;
    for (const rider of pane.riders) riders.add(rider);
  }
  return { ...total, avg_fare: fareCents / total.total_events, unique_riders: riders.size };
}

export const keyOf = (city: string, startMs: number): string => `${city}|${isoTime(startMs)}`;
