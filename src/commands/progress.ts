/** Progress of long work on standard error: a bar in a terminal, a plain line now and then elsewhere. */
import process from "node:process";
import { SingleBar } from "cli-progress";
import type { Clock } from "../time.ts";

export type Progress = { at(done: number, note: string): void; end(): void };

const plainEveryMs = 5_000;

export function startProgress(what: string, total: number, clock: Clock): Progress {
  if (Deno.stderr.isTerminal()) {
    const bar = new SingleBar({
      format: `${what} [{bar}] {percentage}% | {note}`,
      stream: process.stderr,
      hideCursor: true,
      etaBuffer: 50,
    });
    bar.start(total, 0, { note: "" });
    return { at: (done, note) => bar.update(Math.min(done, total), { note }), end: () => bar.stop() };
  }
  let toldMs = clock.monotonicMs();
  return {
    at(done, note) {
      if (clock.monotonicMs() - toldMs < plainEveryMs) return;
      toldMs = clock.monotonicMs();
      console.error(`${what} ${total === 0 ? 0 : Math.floor((100 * done) / total)} %, ${note}`);
    },
    end: () => {},
  };
}
