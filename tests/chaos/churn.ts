/**
 * Members that come and go all the time: every two to five seconds a process begins, drains or is killed.
 *
 * One of them always stays, so that there is somebody to go on; one that is stopped, or still draining, is left alone.
 */
import { systemClock } from "../../src/time.ts";
import { randomFrom } from "../../src/traffic/random.ts";
import { until, type Worker } from "./workers.ts";

const everySeconds = [2, 5] as const;
/** Of those that leave: the others drain. */
const killedShare = 0.25;
/** A drain is over after 25 s, or is no drain. */
const goneMs = 40_000;

export type ChurnOptions = {
  /** At least 0, below 1: decides who, and when. */
  draw: number;
  kill(worker: Worker): void;
  drain(worker: Worker): void;
  isStopped(worker: Worker): boolean;
  joined(worker: Worker): void;
};

export function startChurn(
  workers: readonly Worker[],
  { draw, kill, drain, isStopped, joined }: ChurnOptions,
): { end(): Promise<void> } {
  const random = randomFrom(draw, "churn");
  const over = new AbortController();
  /** Those that drain, and how often each had ended before: one that gave up draining is begun again by its keeper. */
  const leaving = new Map<Worker, number>();
  const running = run();

  async function run(): Promise<void> {
    while (!over.signal.aborted) {
      turn();
      await systemClock.sleep(1_000 * random.between(...everySeconds), over.signal);
    }
  }

  const hasLeft = (worker: Worker): boolean => worker.endings.length > leaving.get(worker)!;

  function turn(): void {
    for (const worker of leaving.keys()) if (hasLeft(worker)) leaving.delete(worker);
    const gone = workers.filter((worker) => !worker.running());
    const staying = workers.filter((worker) =>
      worker.running() && !leaving.has(worker) && !isStopped(worker)
    );
    const able = [...gone, ...(staying.length > 1 ? staying : [])];
    if (able.length === 0) return;
    const worker = able[random.below(able.length)]!;
    if (gone.includes(worker)) {
      worker.start();
      joined(worker);
    } else if (random.chance(killedShare)) {
      kill(worker);
    } else {
      leaving.set(worker, worker.endings.length);
      drain(worker);
    }
  }

  return {
    async end() {
      over.abort();
      await running;
      await until(
        "those that leave have left",
        async () => [...leaving.keys()].every(hasLeft),
        goneMs,
      );
      for (const worker of workers) if (!worker.running()) worker.start();
    },
  };
}
