/** I6: once the faults are over, what was sent is folded, windows close, and the sink catches up. */
import { type Checker, few, jsonOf } from "./evidence.ts";

export const liveness: Checker = {
  name: "I6 liveness",
  check({ liveness: { reached, lacking }, scenario, published, defects }) {
    const ended = defects.map((defect) => defect);
    if (scenario === "foreign") return few(ended);
    const open = new Map<string, { rev: string; what: string }>();
    for (const record of published.windows) {
      const { city, window_start, rev } = jsonOf<Record<"city" | "window_start" | "rev", string>>(record);
      const what = `${city} ${window_start}`;
      if ((open.get(what)?.rev ?? "") < rev) open.set(what, { rev, what });
    }
    // The last digit of a rev says whether the window has closed.
    const never = [...open.values()].filter(({ rev }) => rev.endsWith("0"));
    return few([
      ...ended,
      ...(reached ? [] : lacking),
      ...(reached ? never.map(({ what, rev }) => `${what} was never closed: its newest rev is ${rev}`) : []),
    ]);
  },
};
