/**
 * The way from what takes place to what is sent: network delay, and by option everything that goes wrong.
 *
 *   happenings (by event time) ─► fate, event time, sending time ─► waiting by sending time ─► items
 *
 * Invariant: every event meets exactly one fate, so that the ledger's parts add up; poison comes on top of
 * the events and replaces none. Items leave in order of their sending time, because nothing is sent before
 * it takes place: what is due up to the present event's time can no longer be overtaken.
 */
import { dayMs, minuteMs, secondMs } from "../time.ts";
import type { PhoneClocks } from "./fast_clock.ts";
import type { Happening } from "./happening.ts";
import type { SentItem } from "./item.ts";
import type { Fate, Sending } from "./ledger.ts";
import { poisonItem, poisonNames } from "./poison.ts";
import { type Random, randomFrom } from "./random.ts";
import { type Schedule, schedule } from "./schedule.ts";
import type { Silence } from "./silent_partition.ts";
import { newStamp, type Stamp } from "./stamp.ts";

/** Rates are shares of events; all default to 0. */
export type Disturbances = {
  /** Sent again, one to five times, two seconds to five minutes later. */
  duplicates: number;
  /** Held back by up to 20 s: out of order, and not yet late. */
  disorder: number;
  /** Held back by 45 s to 9 min: late, and still counted with the default allowed lateness of 10 min. */
  late: number;
  /** Held back by 13 to 20 min. */
  tooLate: number;
  /** Event time a day or ten years ahead, or a year behind, each a third. */
  badClocks: number;
  /** Records that are no events, on top. */
  poison: number;
  /** Share of timestamps without a zone and with microseconds. */
  withoutZone: number;
};

const networkMs = { least: 20, most: 250 };
const delays = {
  again: { least: 2 * secondMs, most: 5 * minuteMs },
  disordered: { least: secondMs, most: 20 * secondMs },
  late: { least: 45 * secondMs, most: 9 * minuteMs },
  too_late: { least: 13 * minuteMs, most: 20 * minuteMs },
} as const;

export type OnTheWay = {
  seed: number;
  disturbances: Disturbances;
  itemsMax: number;
  /** Null: every phone is right but for `badClocks`. */
  clocks: PhoneClocks | null;
  /** Null: everything leaves. */
  silence: Silence | null;
};

export function* disturbed(happenings: Iterable<Happening>, options: OnTheWay): Generator<Sending> {
  const { seed, silence } = options;
  const waiting = schedule<Sending>();
  const send = newSender(options, { seed, poisonIds: "poison" }, waiting);
  // Chance of its own, so that what a scenario adds leaves the draws of everything else alone.
  const sendStaged = newSender(options, { seed: `${seed}/staged`, poisonIds: "poison-staged" }, waiting);
  let left = options.itemsMax;
  for (const happening of happenings) {
    while (waiting.nextMs() <= happening.timeMs) {
      if (left <= 0) return;
      const sending = waiting.pop()!;
      if (silence !== null && silence(sending)) continue;
      left--;
      yield sending;
    }
    if (happening.part === "staged") sendStaged(happening);
    else send(happening);
  }
  while (waiting.size() > 0 && left > 0) {
    const sending = waiting.pop()!;
    if (silence !== null && silence(sending)) continue;
    left--;
    yield sending;
  }
}

type Into = Pick<Schedule<Sending>, "push">;

/** Where goes what is drawn for and not sent. */
const nowhere: Into = { push: () => {} };

function newSender(
  { disturbances, clocks }: Pick<OnTheWay, "disturbances" | "clocks">,
  options: { seed: number | string; poisonIds: string },
  waiting: Into,
) {
  // One stream of chance for each decision: a rate raised by one leaves the draws of the others alone.
  const network = randomFrom(options.seed, "network");
  const fateRandom = randomFrom(options.seed, "fate");
  const delayRandom = randomFrom(options.seed, "delay");
  const zoneRandom = randomFrom(options.seed, "zone");
  const poisonRandom = randomFrom(options.seed, "poison");
  const drawFate = newFateDraw(disturbances);
  const stamp = newStamp();
  let poisoned = 0;

  return (happening: Happening) => {
    const into = happening.part === "unseen" ? nowhere : waiting;
    const drawn = drawFate(fateRandom);
    const aheadMs = clocks === null || badClock(drawn) ? 0 : clocks(happening);
    const fate = aheadMs > 0 ? "hour_ahead" : drawn;
    const networkDelayMs = networkMs.least + network.below(networkMs.most - networkMs.least);
    const sentMs = happening.timeMs + networkDelayMs + heldBackMs(drawn, delayRandom);
    const item: SentItem = {
      topic: happening.topic,
      key: happening.key,
      value: happening.head +
        stampText(
          stamp,
          statedTimeMs(drawn, happening.timeMs) + aheadMs,
          zoneRandom,
          disturbances.withoutZone,
        ) +
        happening.tail,
      recordedAtMs: sentMs,
    };
    into.push(sentMs, { kind: "event", fate, item });
    // Of an event with two fates the ledger would be wrong in one.
    if (drawn === "again") sendAgain(fate === "again" ? into : nowhere, item, delayRandom);
    if (poisonRandom.chance(disturbances.poison)) {
      const poison = poisonNames[poisonRandom.below(poisonNames.length)]!;
      const id = `${options.poisonIds}-${++poisoned}`;
      const from = { id, stamp: stamp.zoned(happening.timeMs), recordedAtMs: sentMs };
      into.push(sentMs, { kind: "poison", poison, item: poisonItem(poison, from) });
    }
  };
}

const badClock = (fate: Fate) => fate === "future" || fate === "far_future" || fate === "past";

type FateDraw = (random: Random) => Fate;

/** Rates as steps of one cumulative scale, so that a single draw decides. */
function newFateDraw(rates: Disturbances): FateDraw {
  const scale: [upTo: number, fate: Fate][] = [];
  let sum = 0;
  const add = (rate: number, fate: Fate) => {
    sum += rate;
    if (rate > 0) scale.push([sum, fate]);
  };
  add(rates.duplicates, "again");
  add(rates.disorder, "disordered");
  add(rates.late, "late");
  add(rates.tooLate, "too_late");
  add(rates.badClocks / 3, "future");
  add(rates.badClocks / 3, "far_future");
  add(rates.badClocks / 3, "past");
  return (random) => {
    if (scale.length === 0) return "in_order";
    const draw = random.uniform();
    for (const [upTo, fate] of scale) if (draw < upTo) return fate;
    return "in_order";
  };
}

function heldBackMs(fate: Fate, random: Random): number {
  if (fate !== "disordered" && fate !== "late" && fate !== "too_late") return 0;
  const { least, most } = delays[fate];
  return Math.floor(random.between(least, most));
}

/** What the producer's clock says. */
function statedTimeMs(fate: Fate, timeMs: number): number {
  switch (fate) {
    case "future":
      return timeMs + dayMs;
    case "far_future":
      return yearsLater(timeMs, 10);
    case "past":
      return yearsLater(timeMs, -1);
    default:
      return timeMs;
  }
}

function yearsLater(timeMs: number, years: number): number {
  const date = new Date(timeMs);
  return date.setUTCFullYear(date.getUTCFullYear() + years);
}

function stampText(stamp: Stamp, timeMs: number, random: Random, withoutZone: number): string {
  return random.chance(withoutZone) ? stamp.bare(timeMs, random.below(1_000)) : stamp.zoned(timeMs);
}

function sendAgain(waiting: Into, item: SentItem, random: Random): void {
  // Mostly once: each further copy is half as likely as the one before it.
  for (let copies = 1; copies <= 5; copies++) {
    const sentMs = item.recordedAtMs! + Math.floor(random.between(delays.again.least, delays.again.most));
    waiting.push(sentMs, { kind: "duplicate", item: { ...item, recordedAtMs: sentMs } });
    if (!random.chance(0.5)) break;
  }
}
