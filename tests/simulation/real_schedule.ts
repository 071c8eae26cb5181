/** The simulation's schedule in real time, for suites that know nothing of a virtual clock. */
import type { Schedule } from "./schedule.ts";

type Due = { atMs: number; run: () => void; moot: (() => boolean) | null };

export type RealSchedule = Schedule & { end(): void };

export function realSchedule(): RealSchedule {
  const startedMs = performance.now();
  let waiting: Due[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;
  const nowMs = () => performance.now() - startedMs;

  function arm(): void {
    clearTimeout(timer);
    waiting = waiting.filter(({ moot }) => moot?.() !== true);
    const next = Math.min(...waiting.map(({ atMs }) => atMs));
    if (Number.isFinite(next)) timer = setTimeout(runDue, Math.max(0, next - nowMs()));
  }

  function runDue(): void {
    const due = waiting.filter(({ atMs }) => atMs <= nowMs()).sort((a, b) => a.atMs - b.atMs);
    waiting = waiting.filter((event) => !due.includes(event));
    for (const { run, moot } of due) if (moot?.() !== true) run();
    arm();
  }

  return {
    nowMs,
    current: () => null,
    at(delayMs, _label, run, _place, moot) {
      waiting.push({ atMs: nowMs() + delayMs, run, moot: moot ?? null });
      arm();
    },
    resume() {},
    run() {},
    tell() {},
    note() {},
    story: [],
    events: () => 0,
    hash: () => "",
    hashAt: () => null,
    waiting: () => waiting.length,
    end() {
      clearTimeout(timer);
      waiting = [];
    },
  };
}
