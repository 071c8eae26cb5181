/**
 * Time as a port: the only file that reads a clock or sets a timer (tests/tidy_test.ts keeps it so).
 *
 * Folds never see a clock. Hosts, doors and sinks get one handed in, so that a test turns the hands itself.
 */
import process from "node:process";

export type Clock = {
  /** Wall clock, milliseconds since the epoch. May step. */
  nowMs(): number;
  /** Milliseconds that never step back; only differences mean something. */
  monotonicMs(): number;
  /** CPU time that this thread has had, milliseconds: what its work costs, whoever else wants the core. */
  threadMs(): number;
  /** Resolves after `ms`, or at once when the signal is aborted (it never rejects). */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
};

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  threadMs() {
    const { user, system } = threadCpuUsage();
    return (user + system) / 1_000;
  },
  sleep(ms, signal) {
    if (signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal?.addEventListener("abort", done, { once: true });
    });
  },
};

export type ManualClock = Clock & {
  /** Moves both clocks forward and wakes, in order of their time, the sleepers that are due. */
  advance(ms: number): Promise<void>;
  /** Steps the wall clock alone, as an operator or a time server would. */
  stepWall(ms: number): void;
};

/** In microseconds. Not among the types yet. */
const { threadCpuUsage } = process as unknown as { threadCpuUsage(): { user: number; system: number } };

/** The twin for tests. Leaves out: that real time passes while code runs. */
export function manualClock(startMs = Date.UTC(2026, 0, 15)): ManualClock {
  let wallMs = startMs;
  let elapsedMs = 0;
  let sleepers: { atMs: number; wake: () => void }[] = [];
  return {
    nowMs: () => wallMs,
    monotonicMs: () => elapsedMs,
    threadMs: () => elapsedMs,
    sleep(ms, signal) {
      if (signal?.aborted) return Promise.resolve();
      return new Promise((resolve) => {
        sleepers.push({ atMs: elapsedMs + ms, wake: resolve });
        signal?.addEventListener("abort", () => resolve(), { once: true });
      });
    },
    async advance(ms) {
      const untilMs = elapsedMs + ms;
      for (;;) {
        const due = sleepers.filter((s) => s.atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)[0];
        if (due === undefined) break;
        sleepers = sleepers.filter((s) => s !== due);
        wallMs += Math.max(0, due.atMs - elapsedMs);
        elapsedMs = Math.max(elapsedMs, due.atMs);
        due.wake();
        await settle();
      }
      wallMs += untilMs - elapsedMs;
      elapsedMs = untilMs;
      await settle();
    },
    stepWall(ms) {
      wallMs += ms;
    },
  };
}

/**
 * Until the next of the moments that lie a period apart: whoever waits for them wakes in one turn with the others. To wake
 * costs a process more than what a look at something takes.
 */
export function untilNext(clock: Clock, periodMs: number, phaseMs = 0): number {
  const past = (clock.monotonicMs() - phaseMs) % periodMs;
  return Math.ceil(past < 0 ? -past : periodMs - past);
}

/** Lets every callback that is ready run. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** One turn of the event loop: what is ready goes first. Not enough between the slices of long work: see turns.ts. */
export function breathe(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

export const secondMs = 1_000;
export const minuteMs = 60_000;
export const hourMs = 3_600_000;
export const dayMs = 86_400_000;

/** ISO 8601 in UTC with milliseconds and `Z`, as everything on the wire. */
export function isoTime(ms: number): string {
  const ofDay = ms - day.startMs;
  if (ofDay >= 0 && ofDay < dayMs && Number.isInteger(ms)) {
    return day.text + minuteText(Math.floor(ofDay / minuteMs)) + secondText(ofDay % minuteMs);
  }
  const text = new Date(ms).toISOString();
  day = { startMs: Math.floor(ms / dayMs) * dayMs, text: text.slice(0, text.indexOf("T") + 1) };
  return text;
}

/** Times come day by day, and their minutes and milliseconds again and again: put together, not calculated anew. */
let day = { startMs: NaN, text: "" };
const minuteTexts: string[] = [];
const secondTexts: string[] = [];

const minuteText = (minute: number): string =>
  minuteTexts[minute] ??= `${digits(Math.floor(minute / 60), 2)}:${digits(minute % 60, 2)}:`;

const secondText = (ms: number): string =>
  secondTexts[ms] ??= `${digits(Math.floor(ms / secondMs), 2)}.${digits(ms % secondMs, 3)}Z`;

const digits = (value: number, count: number): string => String(value).padStart(count, "0");
