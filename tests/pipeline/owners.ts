/**
 * Partitions that change hands: what owners and zombies publish, in every order in which it can reach the log.
 *
 *   first owner   ──●──●──snapshot──●──●──✕            what comes after the snapshot it sends as a zombie
 *   second owner            └─restored──●──●──●──end    sends the same again, cut otherwise
 *
 * An owner's own sends keep their order, because each is acknowledged before the next; everything else may happen.
 */
import type { Fold, LogRecord, Output, Stage } from "../../src/fold.ts";
import type { Random } from "../../src/traffic/random.ts";
import { begin, endOf, foldTo, restored } from "./folds.ts";

type Sent = Output[];

/** One owner from beginning to end, flushing at every `step` records. */
export function oneOwner<F extends Fold>(
  stage: Stage<F>,
  partition: number,
  records: LogRecord[],
  step: number,
): Sent {
  const folding = begin(stage, partition);
  const sent: Sent = [];
  for (let until = step; until < records.length + step; until += step) {
    sent.push(...foldTo(folding, records, until));
  }
  return [...sent, ...endOf(folding)];
}

/** Two owners and what else can happen, as one stream. */
export function twoOwners<F extends Fold>(
  stage: Stage<F>,
  partition: number,
  records: LogRecord[],
  random: Random,
): Sent {
  const first = begin(stage, partition);
  const snapshotAt = random.below(records.length + 1);
  const before = foldInSteps(first, records, snapshotAt, random);
  const second = restored(stage, partition, first);
  const zombie = foldInSteps(
    first,
    records,
    snapshotAt + random.below(records.length - snapshotAt + 1),
    random,
  );
  const successor = [...foldInSteps(second, records, records.length, random), ...endOf(second)];
  return repeated([...before, ...merged([zombie, successor], random)], random);
}

function foldInSteps<F extends Fold>(
  folding: ReturnType<typeof begin<F>>,
  records: LogRecord[],
  until: number,
  random: Random,
): Sent {
  const sent: Sent = [];
  while (folding.nextOffset < until) {
    sent.push(...foldTo(folding, records, Math.min(until, folding.nextOffset + 1 + random.below(40))));
  }
  return [...sent, ...foldTo(folding, records, until)];
}

/** Some of it arrives again, later: a retry whose first try had got through. */
function repeated(sent: Sent, random: Random): Sent {
  const all = [...sent];
  for (let n = random.below(12); n > 0 && sent.length > 0; n--) {
    const from = random.below(all.length);
    all.splice(from + 1 + random.below(all.length - from), 0, all[from]!);
  }
  return all;
}

/** Streams run together in any order that keeps each one's own. */
export function merged<T>(streams: T[][], random: Random): T[] {
  const left = streams.filter((s) => s.length > 0).map((items) => ({ items, at: 0 }));
  const all: T[] = [];
  while (left.length > 0) {
    const which = random.below(left.length);
    const stream = left[which]!;
    // In runs, so that one stream can get far ahead of another.
    for (let run = 1 + random.below(30); run > 0 && stream.at < stream.items.length; run--) {
      all.push(stream.items[stream.at++]!);
    }
    if (stream.at === stream.items.length) left.splice(which, 1);
  }
  return all;
}

/** Cut, repeated and in any order: for readers that choose by position. */
export function shuffled<T>(items: readonly T[], random: Random): T[] {
  const all = [...items, ...items.filter(() => random.chance(0.2))];
  for (let i = all.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [all[i], all[j]] = [all[j]!, all[i]!];
  }
  return all;
}
