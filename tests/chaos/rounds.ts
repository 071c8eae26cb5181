/**
 * Rounds of disasters, one after the other: each strikes, lasts and is healed; then everything must be caught up
 * before the deadline, or the run has failed. Nothing is left to fate: after a round everybody runs again.
 */
import { messageOf } from "../../src/errors.ts";
import { systemClock } from "../../src/time.ts";
import type { Bed } from "./bed.ts";
import type { Disasters } from "./disasters.ts";
import type { Progress } from "./progress.ts";
import { type KindName, kindNames, type Round, type Stroke } from "./schedule.ts";
import { ask } from "./workers.ts";

export type Told = {
  rounds: number;
  /** By kind: seconds from healing until everything was caught up, of each round it was part of. */
  alive: Map<KindName, number[]>;
  /** By kind: why it cannot be run here. */
  notRun: Map<KindName, string>;
  /** Why it went no further, or null. */
  stuck: string | null;
};

export type RoundsOptions = {
  rounds: Iterable<Round>;
  disasters: Disasters;
  progress: Progress;
  /** How long after healing everything has to be caught up. */
  aliveMs: number;
  isOver(told: Told): boolean;
  say(line: string): void;
};

export async function runRounds(bed: Bed, options: RoundsOptions): Promise<Told> {
  const { rounds, disasters, progress, aliveMs, isOver, say } = options;
  const told: Told = { rounds: 0, alive: new Map(), notRun: new Map(), stuck: null };
  for (const { strokes, pauseSeconds } of rounds) {
    if (isOver(told)) break;
    told.rounds++;
    try {
      const struck = await Promise.all(strokes.map((stroke) => one(stroke, disasters, told)));
      const seconds = await aliveAgain(bed, progress, aliveMs);
      for (const { kind, said } of struck) {
        if (said !== null) told.alive.set(kind, [...told.alive.get(kind) ?? [], seconds]);
      }
      const line = struck.map(({ kind, said }) => said === null ? `${kind} not run` : said).join(" + ");
      say(`${line}; caught up after ${seconds.toFixed(1)} s`);
    } catch (error) {
      told.stuck = `round ${told.rounds} (${strokes.map(({ kind }) => kind).join(" + ")}): ${
        messageOf(error)
      }`;
      break;
    }
    await systemClock.sleep(pauseSeconds * 1_000);
  }
  return told;
}

/** From its stroke to its healing; what it was, or null when it cannot be run here. */
async function one(
  stroke: Stroke,
  disasters: Disasters,
  { notRun }: Told,
): Promise<{ kind: KindName; said: string | null }> {
  const { kind, atSeconds, forSeconds } = stroke;
  if (notRun.has(kind)) return { kind, said: null };
  await systemClock.sleep(atSeconds * 1_000);
  const [struck, strikeSeconds] = await timed(() => disasters.strike(stroke));
  if ("notRun" in struck) {
    notRun.set(kind, struck.notRun);
    return { kind, said: null };
  }
  await systemClock.sleep(forSeconds * 1_000);
  const [, healSeconds] = await timed(() => struck.heal());
  const slow = [[strikeSeconds, "struck"], [healSeconds, "healed"]] as const;
  const details = slow.flatMap(([seconds, what]) =>
    seconds < 1 ? [] : [`${what} in ${seconds.toFixed(1)} s`]
  );
  const shown = [struck.told, `${forSeconds} s`, ...details].filter((part) => part !== "");
  return { kind, said: `${kind} (${shown.join(", ")})` };
}

async function timed<T>(work: () => Promise<T>): Promise<[result: T, seconds: number]> {
  const beganMs = systemClock.monotonicMs();
  const result = await work();
  return [result, (systemClock.monotonicMs() - beganMs) / 1_000];
}

async function aliveAgain(bed: Bed, progress: Progress, aliveMs: number): Promise<number> {
  const startedMs = systemClock.monotonicMs();
  await progress.caughtUp(aliveMs);
  for (;;) {
    const answers = await Promise.all(bed.workers.map((w) => w.running() ? ask(`${w.url}/readyz`) : null));
    const elapsedMs = systemClock.monotonicMs() - startedMs;
    if (answers.every((answer) => answer?.status === 200)) return elapsedMs / 1_000;
    if (elapsedMs > aliveMs) {
      const said = answers.map((answer, i) =>
        `${bed.workers[i]!.name}: ${JSON.stringify(answer?.body ?? "no answer")}`
      );
      throw new Error(`not ready after ${aliveMs / 1_000} s: ${said.join("; ")}`);
    }
    await systemClock.sleep(250);
  }
}

/** Those of the wanted that have not happened, and could have. */
export const missed = (told: Told, wanted: readonly KindName[]): KindName[] =>
  kindNames.filter((name) => wanted.includes(name) && !told.alive.has(name) && !told.notRun.has(name));
