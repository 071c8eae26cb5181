/** Judging a city at a closed boundary: closing sums in, the rule's next memory and what is to be published out. */
import { type AlertMemory, cancellationRateHigh, judge } from "../alerts/rules.ts";
import type { Output } from "../fold.ts";
import { utf8 } from "../ids.ts";
import { formatRev } from "../windows/rev.ts";
import { paneMs } from "../windows/settings.ts";
import { alertTransitionOf } from "./alert_transition.ts";
import type { StageContext } from "./context.ts";
import { field } from "./pane_fields.ts";

/** `sums`: [open requests, window sums …], frozen over all ride sources. */
export type ClosedBoundary = { city: string; boundaryMs: number; sums: number[] };

export function judgeCity(
  context: StageContext,
  memory: AlertMemory,
  { city, boundaryMs, sums }: ClosedBoundary,
): { memory: AlertMemory; output: Output | null } {
  const at = (index: number) => sums[1 + index] ?? 0;
  const counts = {
    completed: at(field.rides_completed),
    cancelled: at(field.rides_cancelled_by_rider) + at(field.rides_cancelled_by_driver) +
      at(field.rides_cancelled_by_system),
  };
  const rule = cancellationRateHigh;
  const judged = judge(rule, memory, boundaryMs, counts);
  if (judged.transition === null) return { memory: judged.memory, output: null };
  const transition = alertTransitionOf({
    rule,
    city,
    state: judged.transition,
    sinceMs: judged.transition === "resolved" ? memory.sinceMs : judged.memory.sinceMs,
    boundaryMs,
    counts,
    windowMs: context.windows.windowMs,
    rev: formatRev(context.generation, boundaryMs / paneMs, 1),
  });
  return {
    memory: judged.memory,
    output: {
      topic: "alerts",
      key: utf8(`${rule.name}|${city}`),
      value: utf8(JSON.stringify(transition)),
      partition: context.partitionOf("alerts", utf8(city)),
    },
  };
}
