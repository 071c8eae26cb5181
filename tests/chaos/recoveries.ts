/**
 * How long partitions of a killed process go unserved: watched from outside, through any node's `/v1/partitions`.
 *
 * A partition has recovered when another process, or the new one, shows it running at or beyond the last position
 * that the killed one had shown.
 */
import type { PartitionView } from "../../schemas/http.ts";
import { systemClock } from "../../src/time.ts";
import { ask, type Worker } from "./workers.ts";

/**
 * How a partition was lost: its process killed, stopped, killed when Redis had just lost its snapshot, or drained.
 * One whose process was killed, and whose heir was stopped before it served, was lost to the stop.
 */
export type Loss = "killed" | "stopped" | "wiped" | "drained";

export type Recovery = { name: string; how: Loss; seconds: number };

type Waiting = { name: string; worker: Worker; pid: number; position: number; sinceMs: number; how: Loss };

export type Recoveries = {
  /** To be called right after the process was killed, or stopped: then it may be itself that goes on. */
  lost(worker: Worker, how: Loss): void;
  /** From the loss to the recovery, one for each partition that was lost. */
  all: Recovery[];
  /** What has not recovered. */
  waiting(): string[];
  stop(): Promise<void>;
};

const pollMs = 250;

export function watchRecoveries(workers: readonly Worker[]): Recoveries {
  const over = new AbortController();
  const held = new Map<string, PartitionView>();
  const waiting = new Map<string, Waiting>();
  const all: Recovery[] = [];
  const watching = watch();

  async function watch(): Promise<void> {
    for (let turn = 0; !over.signal.aborted; turn++) {
      const worker = workers[turn % workers.length]!;
      const answer = worker.running() ? await ask(`${worker.url}/v1/partitions`) : null;
      if (answer?.status === 200) {
        for (const view of (answer.body as { partitions: PartitionView[] }).partitions) see(view);
      }
      await systemClock.sleep(pollMs, over.signal);
    }
  }

  function see(view: PartitionView): void {
    const name = `${view.topic}/${view.partition}`;
    if (view.owner === "") return;
    const lost = waiting.get(name);
    if (lost !== undefined && view.state === "running" && goesOn(view, lost)) {
      all.push({ name, how: lost.how, seconds: (systemClock.monotonicMs() - lost.sinceMs) / 1_000 });
      waiting.delete(name);
    }
    held.set(name, view);
  }

  return {
    all,
    lost(worker, how) {
      const sinceMs = systemClock.monotonicMs();
      const pid = worker.pid();
      for (const [name, view] of held) {
        const before = waiting.get(name);
        if (before === undefined) {
          if (pidOf(view) !== pid) continue;
          waiting.set(name, { name, worker, pid, position: view.position, sinceMs, how });
        } else if (how === "stopped" && isHeir(worker, view, before)) {
          // What it waits for from here on is the stop of its heir. The time goes on.
          Object.assign(before, { worker, pid, how });
        }
      }
    },
    waiting: () => [...waiting.keys()],
    async stop() {
      over.abort();
      await watching;
    },
  };
}

function goesOn(view: PartitionView, lost: Waiting): boolean {
  return pidOf(view) !== lost.pid
    ? view.position >= lost.position
    : lost.how === "stopped" && view.position > lost.position;
}

/** It is said to own the partition, or was begun again in its old place and nobody has said so yet. */
const isHeir = (worker: Worker, view: PartitionView, lost: Waiting): boolean =>
  pidOf(view) === worker.pid() || (lost.worker === worker && pidOf(view) === lost.pid);

/** `host:pid` */
const pidOf = (view: PartitionView): number => Number(view.owner.split(":").at(-1));

export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}
