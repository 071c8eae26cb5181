/** Judging a city at a closed boundary: closing sums in, the rule's next memory and what is to be published out. */
import { type AlertMemory, cancellationRateHigh, judge } from "../alerts/rules.ts";
import type { Output } from "../fold.ts";
import { utf8 } from "../ids.ts";
import { formatRev } from "../windows/rev.ts";
import { paneMs } from "../windows/settings.ts";
import { alertTransitionOf, type TransitionFacts } from "./alert_transition.ts";
import type { StageContext } from "./context.ts";
import { isPublished } from "./cut.ts";
import { field } from "./pane_fields.ts";

/** `sums`: [open requests, window sums …], frozen over all ride sources. */
export type ClosedBoundary = { city: string; boundaryMs: number; sums: number[] };

const rule = cancellationRateHigh;

/** Before the cut the memory goes on just the same, in silence. */
export function judgeCity(
  context: StageContext,
  memory: AlertMemory,
  closed: ClosedBoundary,
): { memory: AlertMemory; output: Output | null } {
  const { boundaryMs } = closed;
  const judged = judge(rule, memory, boundaryMs, endedRides(closed));
  if (judged.transition === null || !isPublished(context.cut, boundaryMs)) {
    return { memory: judged.memory, output: null };
  }
  const sinceMs = judged.transition === "resolved" ? memory.sinceMs : judged.memory.sinceMs;
  return { memory: judged.memory, output: outputOf(context, closed, judged.transition, sinceMs) };
}

/** How the city's alert stands as of the boundary; a calm one as resolved there, whatever others left open. */
export function alertAt(context: StageContext, memory: AlertMemory, closed: ClosedBoundary): Output {
  return memory.state === "ok"
    ? outputOf(context, closed, "resolved", closed.boundaryMs)
    : outputOf(context, closed, memory.state, memory.sinceMs);
}

function endedRides({ sums }: Pick<ClosedBoundary, "sums">): TransitionFacts["counts"] {
  const at = (index: number) => sums[1 + index] ?? 0;
  return {
    completed: at(field.rides_completed),
    cancelled: at(field.rides_cancelled_by_rider) + at(field.rides_cancelled_by_driver) +
      at(field.rides_cancelled_by_system),
  };
}

function outputOf(
  context: StageContext,
  closed: ClosedBoundary,
  state: TransitionFacts["state"],
  sinceMs: number,
): Output {
  const { city, boundaryMs } = closed;
  const transition = alertTransitionOf({
    rule,
    city,
    state,
    sinceMs,
    boundaryMs,
    counts: endedRides(closed),
    windowMs: context.windows.windowMs,
    rev: formatRev(context.generation, boundaryMs / paneMs, 1),
  });
  return {
    topic: "alerts",
    key: utf8(`${rule.name}|${city}`),
    value: utf8(JSON.stringify(transition)),
    partition: context.partitionOf("alerts", utf8(city)),
  };
}
