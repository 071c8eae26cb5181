import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { builtInRules } from "../../../src/alerts/built_in.ts";
import { type AlertMemory, calm, judge } from "../../../src/alerts/judge.ts";
import { minuteMs } from "../../../src/time.ts";

const rule = builtInRules.find(({ name }) => name === "cancellation_rate_high")!;

type Boundary = [cancelled: number, completed: number];

/** What is said at which boundary, numbered from 1. */
function said(boundaries: Boundary[]): [boundary: number, transition: string, sinceMs: number][] {
  let memory: AlertMemory = calm;
  return boundaries.flatMap(([cancelled, completed], i) => {
    const before = memory;
    const ended = cancelled + completed;
    const figures = { ended_rides: ended, cancellation_rate: ended === 0 ? null : cancelled / ended };
    const judged = judge(rule, memory, (i + 1) * minuteMs, figures);
    memory = judged.memory;
    const since = judged.change === "resolved" ? before.sinceMs : memory.sinceMs;
    return judged.change === null ? [] : [[i + 1, judged.change, since / minuteMs]];
  });
}
const times = (n: number, boundary: Boundary): Boundary[] => Array.from({ length: n }, () => boundary);

const high: Boundary = [35, 65];
const between: Boundary = [27, 73];
const low: Boundary = [10, 90];
const few: Boundary = [19, 0];

describe("judge(cancellation_rate_high)", () => {
  const cases: [name: string, boundaries: Boundary[], expected: ReturnType<typeof said>][] = [
    ["29 % never", times(60, [29, 71]), []],
    ["30 % exactly never", times(60, [30, 70]), []],
    ["35 % fires at the 6th boundary", times(30, high), [[1, "pending", 1], [6, "firing", 1]]],
    ["five are not enough", [...times(5, high), low], [[1, "pending", 1], [6, "resolved", 1]]],
    ["a breach after a pause begins anew", [...times(5, high), low, ...times(6, high)], [
      [1, "pending", 1],
      [6, "resolved", 1],
      [7, "pending", 7],
      [12, "firing", 7],
    ]],
    ["below the floor nothing begins", times(20, few), []],
    ["the floor itself is judged", times(1, [20, 0]), [[1, "pending", 1]]],
    ["below the floor is neither breach nor recovery", [
      ...times(3, high),
      ...times(9, few),
      ...times(3, high),
    ], [
      [1, "pending", 1],
      [15, "firing", 1],
    ]],
    ["a row lies within three hours: what came before them counts no more", [
      ...times(3, high),
      ...times(176, few),
      ...times(6, high),
    ], [
      [1, "pending", 1],
      [185, "firing", 1],
    ]],
    ["pending by nothing that counts any more is resolved, and a breach begins anew", [
      ...times(2, high),
      ...times(190, few),
      ...times(6, high),
    ], [
      [1, "pending", 1],
      [182, "resolved", 1],
      [193, "pending", 193],
      [198, "firing", 193],
    ]],
    ["a recovery lies within three hours, too", [
      ...times(6, high),
      ...times(4, low),
      ...times(178, few),
      ...times(6, low),
    ], [
      [1, "pending", 1],
      [6, "firing", 1],
      [194, "resolved", 1],
    ]],
    ["resolves at the 6th boundary below 25 %", [...times(6, high), ...times(9, low)], [
      [1, "pending", 1],
      [6, "firing", 1],
      [12, "resolved", 1],
    ]],
    ["between 25 and 30 % it stays firing", [...times(6, high), ...times(30, between)], [
      [1, "pending", 1],
      [6, "firing", 1],
    ]],
    ["25 % exactly is no recovery", [...times(6, high), ...times(30, [25, 75])], [
      [1, "pending", 1],
      [6, "firing", 1],
    ]],
    ["what fires again within the hour must recover for twice as long, then four times", [
      ...times(6, high),
      ...times(6, low),
      ...times(6, high),
      ...times(11, low),
      ...times(6, high),
      ...times(21, low),
    ], [
      [1, "pending", 1],
      [6, "firing", 1],
      [12, "resolved", 1],
      [13, "pending", 13],
      [18, "firing", 13],
      [29, "resolved", 13],
      [30, "pending", 30],
      [35, "firing", 30],
      [56, "resolved", 30],
    ]],
    ["an hour later it is as it was", [
      ...times(6, high),
      ...times(60, low),
      ...times(6, high),
      ...times(6, low),
    ], [
      [1, "pending", 1],
      [6, "firing", 1],
      [12, "resolved", 1],
      [67, "pending", 67],
      [72, "firing", 67],
      [78, "resolved", 67],
    ]],
    ["a relapse begins the recovery anew", [...times(6, high), ...times(5, low), between, ...times(6, low)], [
      [1, "pending", 1],
      [6, "firing", 1],
      [18, "resolved", 1],
    ]],
  ];
  for (const [name, boundaries, expected] of cases) {
    it(name, () => assert.deepEqual(said(boundaries), expected));
  }

  it("says pending, then firing or resolved, and resolved after firing, in turns, for any boundaries", () => {
    const boundary = fc.constantFrom(high, between, low, few);
    const runs = fc.array(fc.tuple(boundary, fc.integer({ min: 1, max: 9 })), { maxLength: 20 });
    fc.assert(fc.property(runs, (drawn) => {
      let state = "resolved";
      for (const [, transition] of said(drawn.flatMap(([b, n]) => times(n, b)))) {
        const allowed: Record<string, string[]> = {
          resolved: ["pending"],
          pending: ["firing", "resolved"],
          firing: ["resolved"],
        };
        assert.ok(allowed[state]?.includes(transition), `${state} → ${transition}`);
        state = transition;
      }
    }));
  });
});
