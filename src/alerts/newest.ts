/** Which of two transitions of one rule in one city is the newer: by window end, then by rev, never by arrival. Pure. */

export type Placing = { window_end: string; rev: string };

/** Below zero when `a` is the older one, zero for the same transition. */
export function comparePlacing(a: Placing, b: Placing): number {
  if (a.window_end !== b.window_end) return a.window_end < b.window_end ? -1 : 1;
  return a.rev === b.rev ? 0 : a.rev < b.rev ? -1 : 1;
}

/** One name for a rule in a city; neither of them can forge another one. */
export const subjectOf = ({ rule, city }: { rule: string; city: string }): string =>
  JSON.stringify([rule, city]);
