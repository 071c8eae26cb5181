/** I7: queues, calls in flight and what is remembered stay under bounds that do not grow with the time that passes. */
import type { Checker } from "./evidence.ts";

export const bounds: Checker = {
  name: "I7 bounds",
  check: (evidence) =>
    evidence.bounds.filter(({ value, most }) => value > most).map(({ name, value, most }) =>
      `${name} reached ${value}; allowed: ${most}`
    ),
};
