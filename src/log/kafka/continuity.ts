/**
 * Whether the log of one partition is still the one that was read so far. Pure: the reader asks, this decides.
 *
 * A topic that is deleted and made anew under its name has other records at the same offsets. Once it is longer than
 * the position of a reader, the broker hands them out like any others. But between the two there is a time in which
 * the partition is not there, or in which nobody asks for it. So an answer vouches for the one after it:
 *
 *   answered ─► answered ─► failed, or long not asked ─► asked again from the last record on ─► the same? go on
 *                                                                                               another? replaced
 *
 * The invariant: nothing is handed over from beyond a doubt unless the answer that brings it has also shown the last
 * record again, or that compaction has left nothing of it.
 */
import { fingerprint } from "../../ids.ts";
import type { LogRecord } from "../port.ts";
import type { Fetched } from "./fetch.ts";

/**
 * How long after a fetch was sent the next one must have been answered to need no proof. Far above what lies between
 * the fetches of a process that runs, busy or idle; making a topic anew and filling it takes longer.
 */
export const vouchedMsMax = 1_000;

/** What was asked, from which offset on, and when by the monotonic clock. */
export type Asked = { offset: number; sentMs: number };

/** `unproven`: what came is not to be used; it is asked for again. */
export type Verdict = "continues" | "replaced" | "unproven";

export type Continuity = {
  /** Where to ask from, for what follows `position`: from there, or from the last record on. */
  from(position: number, nowMs: number): number;
  /** What an answer shows. One that continues the log counts as read: its last record is the next to be shown. */
  judge(asked: Asked, answer: Pick<Fetched, "records" | "nextOffset">, nowMs: number): Verdict;
  /** A fetch has failed, of this partition or of another one of its topic: topics are made anew as a whole. */
  doubt(): void;
  /** The log begins here now: a record below it cannot be shown any more. */
  trimmed(start: number): void;
};

type Last = { offset: number; shown: { timestampMs: number; fingerprint: string } | null };

/**
 * Reading begins at `position` of a log that begins at `start`, and was found to be the right one up to there: the
 * record before is learnt with the first answer, else a partition that nothing comes to would have none to show.
 */
export function continuityFrom(position: number, start: number): Continuity {
  let last: Last | null = position > start ? { offset: position - 1, shown: null } : null;
  let doubted = last !== null;
  let vouchedFromMs = -Infinity;

  const isDue = (nowMs: number) => doubted || nowMs - vouchedFromMs > vouchedMsMax;

  function remember({ offset, timestampMs, value }: LogRecord): void {
    last = { offset, shown: { timestampMs, fingerprint: fingerprint(value) } };
  }

  return {
    from: (position, nowMs) => last !== null && isDue(nowMs) ? last.offset : position,
    judge({ offset, sentMs }, { records, nextOffset }, nowMs) {
      if (last !== null && offset > last.offset) doubted = isDue(nowMs);
      else if (last !== null) {
        const first = records.at(0);
        if (first?.offset === last.offset && !isSame(last, first)) return "replaced";
        doubted = nextOffset <= last.offset;
      }
      if (last !== null && doubted) return "unproven";
      doubted = false;
      vouchedFromMs = sentMs;
      if (records.length > 0) remember(records.at(-1)!);
      else if (last?.shown === null) last = null;
      return "continues";
    },
    doubt: () => void (doubted = true),
    trimmed(start) {
      if (last !== null && last.offset < start) last = null;
    },
  };
}

const isSame = ({ shown }: Last, record: LogRecord) =>
  shown === null ||
  shown.timestampMs === record.timestampMs && shown.fingerprint === fingerprint(record.value);
