/**
 * Alert rules, pure: (state of one rule in one city, closing sums of the next boundary) → state and transition.
 *
 * Evaluated once per closed boundary on frozen closing sums and nothing else, in event time. Below the floor of
 * ended rides the boundary is neither breach nor recovery.
 */

export type AlertRule = {
  name: string;
  /** Breach above this. */
  threshold: number;
  /** Recovery below this. */
  clearBelow: number;
  /** Boundaries in a row, after the first, that must breach (or recover): minutes. */
  forBoundaries: number;
  /** Ended rides a window needs to be judged. */
  floorRides: number;
};

export const cancellationRateHigh: AlertRule = {
  name: "cancellation_rate_high",
  threshold: 0.3,
  clearBelow: 0.25,
  forBoundaries: 5,
  floorRides: 20,
};

export type AlertMemory = {
  state: "ok" | "pending" | "firing";
  /** End of the window that began the incident. */
  sinceMs: number;
  /** Breaching boundaries in a row while pending; recovering ones in a row while firing. */
  streak: number;
};

export const calm: AlertMemory = { state: "ok", sinceMs: 0, streak: 0 };

export type Judgement = { memory: AlertMemory; transition: "pending" | "firing" | "resolved" | null };

/** What the next boundary does. `cancelled` and `completed` are the window's ended rides. */
export function judge(
  rule: AlertRule,
  memory: AlertMemory,
  boundaryMs: number,
  counts: { cancelled: number; completed: number },
): Judgement {
  const ended = counts.cancelled + counts.completed;
  if (ended < rule.floorRides) return { memory, transition: null };
  const rate = counts.cancelled / ended;
  const breach = rate > rule.threshold;
  switch (memory.state) {
    case "ok":
      return breach
        ? { memory: { state: "pending", sinceMs: boundaryMs, streak: 1 }, transition: "pending" }
        : { memory, transition: null };
    case "pending": {
      if (!breach) return { memory: calm, transition: "resolved" };
      const streak = memory.streak + 1;
      return streak > rule.forBoundaries
        ? { memory: { ...memory, state: "firing", streak: 0 }, transition: "firing" }
        : { memory: { ...memory, streak }, transition: null };
    }
    case "firing": {
      const streak = rate < rule.clearBelow ? memory.streak + 1 : 0;
      return streak > rule.forBoundaries
        ? { memory: calm, transition: "resolved" }
        : { memory: { ...memory, streak }, transition: null };
    }
  }
}
