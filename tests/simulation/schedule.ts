/**
 * One queue of events on a virtual clock: everything that happens in a simulation happens in an event of it.
 *
 *   at(delay, …) ──► queue ──► the earliest, equal times in an order drawn from the seed ──► run ──► drain microtasks
 *
 * An event belongs to a world (a process) or to nobody (the network, a broker). Events of a world that crashed are
 * dropped, those of one that is stopped wait until it goes on. What code does between two awaits is done inside one
 * event, so every await of the product is a point at which anything else may come in between.
 */
import type { Random } from "../../src/traffic/random.ts";
import { drainMicrotasks } from "./seal.ts";

/** Whose event it is: a process that may be stopped or gone. */
export type Place = { name: string; state: "running" | "stopped" | "gone"; parked: (() => void)[] };

export type Schedule = {
  /** Milliseconds since the start of the simulation. */
  nowMs(): number;
  /** Whose event is running. */
  current(): Place | null;
  /** `moot`: whether it need not happen any more by then; it is then no event at all. */
  at(delayMs: number, label: string, run: () => void, place?: Place | null, moot?: () => boolean): void;
  /** Lets a stopped place go on: what waited for it comes now, in its order. */
  resume(place: Place): void;
  /** Runs events until the condition holds (looked at every so often), the time is over or the queue is empty. */
  run(until: { ms: number; done?: () => boolean }): void;
  /** Something happened that a person who reads the story wants to know. */
  tell(text: string): void;
  /** Mixes something into the trace. */
  note(text: string): void;
  readonly story: readonly Told[];
  events(): number;
  hash(): string;
  /** The hash after so many events; null before. */
  hashAt(): string | null;
  waiting(): number;
};

export type Told = { atMs: number; text: string };

type Event = {
  atMs: number;
  tie: number;
  label: string;
  run: () => void;
  place: Place | null;
  moot: (() => boolean) | null;
};

const storyMax = 4_000;

export type ScheduleOptions = {
  random: Random;
  /** Keep the trace's hash after so many events. */
  markAt?: number;
  /** End there. */
  eventsMax: number;
};

export class TooManyEvents extends Error {}

export function createSchedule({ random, markAt = -1, eventsMax }: ScheduleOptions): Schedule {
  const heap: Event[] = [];
  const story: Told[] = [];
  const hashes = new Map<string, number>();
  let nowMs = 0;
  let current: Place | null = null;
  let count = 0;
  let high = 0x9e3779b1;
  let low = 0x85ebca77;
  let marked: string | null = null;

  const before = (a: Event, b: Event) => a.atMs < b.atMs || (a.atMs === b.atMs && a.tie < b.tie);

  function push(event: Event): void {
    let i = heap.push(event) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!before(event, heap[parent]!)) break;
      heap[i] = heap[parent]!;
      i = parent;
    }
    heap[i] = event;
  }

  function pop(): Event | undefined {
    const top = heap[0];
    const last = heap.pop();
    if (top === undefined || last === undefined || heap.length === 0) return top;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++;
      if (!before(heap[child]!, last)) break;
      heap[i] = heap[child]!;
      i = child;
    }
    heap[i] = last;
    return top;
  }

  function mix(value: number): void {
    high = Math.imul(high ^ value, 0x85ebca6b) ^ (low >>> 15);
    low = Math.imul(low ^ value, 0xc2b2ae35) + high | 0;
  }

  function hashOf(text: string): number {
    let hash = hashes.get(text);
    if (hash !== undefined) return hash;
    hash = 0x811c9dc5;
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
    if (text.length < 80) hashes.set(text, hash);
    return hash;
  }

  const hash = () => (high >>> 0).toString(16).padStart(8, "0") + (low >>> 0).toString(16).padStart(8, "0");

  function runOne(event: Event): void {
    if (event.moot?.() === true) return;
    nowMs = Math.max(nowMs, event.atMs);
    if (event.place !== null && event.place.state !== "running") {
      if (event.place.state === "stopped") event.place.parked.push(event.run);
      return;
    }
    if (++count > eventsMax) throw new TooManyEvents(`more than ${eventsMax} events`);
    mix(hashOf(event.label));
    mix(Math.round(nowMs * 64));
    if (event.place !== null) mix(hashOf(event.place.name));
    current = event.place;
    event.run();
    drainMicrotasks();
    current = null;
    if (count === markAt) marked = hash();
  }

  const at: Schedule["at"] = (delayMs, label, run, place = null, moot) =>
    push({
      atMs: nowMs + Math.max(0, delayMs),
      tie: random.uniform(),
      label,
      run,
      place,
      moot: moot ?? null,
    });

  return {
    nowMs: () => nowMs,
    current: () => current,
    at,
    resume(place) {
      const waited = place.parked;
      place.parked = [];
      place.state = "running";
      waited.forEach((run, i) => at(i / 1_000, "parked", run, place));
    },
    run({ ms, done }) {
      const untilMs = nowMs + ms;
      let looks = 0;
      drainMicrotasks();
      for (;;) {
        const next = heap[0];
        if (next === undefined || next.atMs > untilMs) break;
        runOne(pop()!);
        if (done !== undefined && ++looks % 64 === 0 && done()) return;
      }
      nowMs = untilMs;
    },
    tell(text) {
      if (story.length < storyMax) story.push({ atMs: nowMs, text });
    },
    note: (text) => mix(hashOf(text)),
    story,
    events: () => count,
    hash,
    hashAt: () => marked,
    waiting: () => heap.length,
  };
}
