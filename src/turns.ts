/**
 * Long work in slices: one waiter passes per turn of the event loop, in order of arrival, so that partitions take turns,
 * and between two slices timers, sockets and heartbeats are served.
 *
 * A turn alone does not serve sockets. The runtime looks at them when it has nothing else to do, or at every 61st turn
 * of those that follow each other: between slices of 4 ms a request would stay unread for a quarter of a second. So once
 * turns have followed each other for a while, as many as that are passed without a slice (0.1 ms).
 */
import { breathe, type Clock } from "./time.ts";

/** How long turns may follow each other before sockets are served. */
const unservedMs = 8;
/** Turns within which the runtime has looked at its sockets, however busy it is. */
const turnsServed = 64;

/** What the queues of one event loop share: while sockets are served, none of them takes a turn. */
class Sockets {
  readonly #clock: Clock;
  #queues = 0;
  #servedAtMs = 0;
  #serving: Promise<void> | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A queue has somebody in it: if it is the first one, the runtime had nothing to do up to now. */
  begin(): void {
    if (this.#queues++ === 0) this.#servedAtMs = this.#clock.monotonicMs();
  }

  end(): void {
    this.#queues--;
  }

  get areDue(): boolean {
    return this.#serving !== null || this.#clock.monotonicMs() - this.#servedAtMs >= unservedMs;
  }

  serve(): Promise<void> {
    return this.#serving ??= passTurns().then(() => {
      this.#serving = null;
      this.#servedAtMs = this.#clock.monotonicMs();
    });
  }
}

async function passTurns(): Promise<void> {
  for (let turn = 0; turn < turnsServed; turn++) await breathe();
}

export function eventLoopTurns(clock: Clock): () => Promise<void> {
  const sockets = socketsOf(clock);
  const waiting: (() => void)[] = [];
  let admitting = false;

  async function admit(): Promise<void> {
    sockets.begin();
    for (;;) {
      await breathe();
      // Whoever has just passed may come again within its turn: only a turn without anybody is the end.
      if (waiting.length === 0) break;
      while (sockets.areDue) await sockets.serve();
      waiting.shift()!();
    }
    sockets.end();
    admitting = false;
  }

  return () =>
    new Promise((resolve) => {
      waiting.push(resolve);
      if (admitting) return;
      admitting = true;
      void admit();
    });
}

/**
 * Of a process, by its clock: whoever does long work in slices waits for its turn before each, so that there is one at a
 * time. Never of the module: processes that are simulated share it, and one that is killed in its turn would keep it.
 */
export function sliceTurn(clock: Clock): Promise<void> {
  let turn = sliceTurns.get(clock);
  if (turn === undefined) sliceTurns.set(clock, turn = eventLoopTurns(clock));
  return turn();
}

const sliceTurns = new WeakMap<Clock, () => Promise<void>>();

function socketsOf(clock: Clock): Sockets {
  let sockets = ofClocks.get(clock);
  if (sockets === undefined) ofClocks.set(clock, sockets = new Sockets(clock));
  return sockets;
}

const ofClocks = new WeakMap<Clock, Sockets>();
