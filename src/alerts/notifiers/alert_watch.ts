/**
 * The partitions of `alerts` that this process is to tell receivers of, with all that their two logs say.
 *
 * The group over `alerts` gives ownership and nothing else: a partition is read from its start each time it comes, and
 * the partition of `alert-journal` with the same number before it. An owner that was taken off without noticing (it
 * stood still, its network was away) knows what has been missed only when it has read on. So nothing is sent unless
 * both logs were read to their end within `limits.notifyFreshMs` (`isFresh`).
 */
import type { AlertTransition } from "../../../schemas/alert.ts";
import type { JournalFact } from "../../../schemas/alert_journal.ts";
import { readAlert, readJournalFact } from "../../codec/alert_record.ts";
import { utf8 } from "../../ids.ts";
import { limits } from "../../limits.ts";
import type { Log, LogRecord, Membership, TopicPartition } from "../../log/port.ts";
import { readNext } from "../../log/read_next.ts";
import { topicName, type TopicNaming } from "../../log/topics.ts";
import { type Clock, secondMs } from "../../time.ts";
import { sliceTurn } from "../../turns.ts";
import { emptyJournal, type Journal, takeFact } from "../journal.ts";
import { comparePlacing, subjectOf } from "../newest.ts";

export type SeenAlert = { alert: AlertTransition; recordMs: number };

export type WatchedPartition = {
  readonly partition: number;
  /** The newest transition of each rule in each city, by subject. */
  readonly alerts: ReadonlyMap<string, SeenAlert>;
  readonly journal: Journal;
  isOwned(): boolean;
  isFresh(): boolean;
  /** Resolves when the fact has been read back, so that it counts in its place, or the partition is gone. To be asked
   * for before the fact is appended. */
  seen(factId: string): Promise<void>;
  /** The partition is not handed on before the work has ended. */
  holdFor(work: Promise<void>): Promise<void>;
};

export type AlertWatch = {
  partitions(): WatchedPartition[];
  /** Resolves when the log has the fact. */
  append(partition: number, fact: JournalFact): Promise<void>;
  stop(): Promise<void>;
};

export type AlertWatchOptions = {
  log: Log;
  naming: TopicNaming;
  clock: Clock;
  group: string;
  /** Told of whatever may make something due. */
  changed(): void;
  failed(tp: TopicPartition, error: unknown): void;
};

const pollMs = secondMs;

export async function startAlertWatch(options: AlertWatchOptions): Promise<AlertWatch> {
  const { log, naming, clock, changed } = options;
  const [alerts, journal] = [topicName("alerts", naming), topicName("alert-journal", naming)];
  const held = new Map<number, Held>();
  const stopping = new AbortController();

  async function assigned({ partition }: TopicPartition): Promise<number> {
    const now = createHeld(partition, log);
    held.set(partition, now);
    for (;;) {
      try {
        now.journalNext = (await log.bounds(journal))[partition]!.start;
        await readJournal({ log, clock }, journal, now);
        return (await log.bounds(alerts))[partition]!.start;
      } catch (error) {
        if (stopping.signal.aborted) throw error;
        await clock.sleep(pollMs, stopping.signal);
      }
    }
  }

  const membership: Membership = await log.join({
    group: options.group,
    topics: [alerts],
    handlers: {
      assigned,
      async batch({ partition }, records) {
        for (const record of records) held.get(partition)?.take(record);
        changed();
      },
      async empty({ partition }, { sentAtMs }) {
        const found = held.get(partition);
        if (found === undefined) return;
        const first = found.alertsReadMs === null;
        found.alertsReadMs = sentAtMs;
        if (first) changed();
      },
      async revoked({ partition }) {
        const gone = held.get(partition);
        held.delete(partition);
        gone?.leave();
        await Promise.all(gone?.working ?? []);
      },
      lost({ partition }) {
        held.get(partition)?.leave();
        held.delete(partition);
      },
      failed(tp, error) {
        held.get(tp.partition)?.leave();
        held.delete(tp.partition);
        options.failed(tp, error);
      },
    },
  });
  const following = follow();

  async function follow(): Promise<void> {
    while (!stopping.signal.aborted) {
      const turn = new AbortController();
      const end = () => turn.abort();
      stopping.signal.addEventListener("abort", end, { once: true });
      // Waiting begins before reading: an append in between ends the wait at once instead of being missed.
      const waited = Promise.race([log.appended(journal, turn.signal), clock.sleep(pollMs, turn.signal)]);
      for (const partition of held.values()) {
        // One that cannot be read is not fresh, and so is quiet.
        if (await readJournal({ log, clock }, journal, partition).catch(() => false)) changed();
      }
      await waited;
      turn.abort();
      stopping.signal.removeEventListener("abort", end);
    }
  }

  return {
    partitions: () => [...held.values()],
    async append(partition, fact) {
      const value = utf8(JSON.stringify(fact));
      await log.append([{ topic: journal, partition, key: utf8(fact.id), value }]);
    },
    async stop() {
      stopping.abort();
      await membership.leave();
      await following;
    },
  };
}

type Held = WatchedPartition & {
  alertsReadMs: number | null;
  journalReadMs: number | null;
  journalNext: number | null;
  reading: boolean;
  working: Set<Promise<void>>;
  take(record: LogRecord): void;
  note(record: LogRecord): void;
  leave(): void;
};

function createHeld(partition: number, log: Log): Held {
  const alerts = new Map<string, SeenAlert>();
  const journal = emptyJournal();
  const awaited = new Map<string, () => void>();
  const at = { owned: true };
  const recent = (ms: number | null) => ms !== null && Math.abs(log.clockMs() - ms) <= limits.notifyFreshMs;
  const held: Held = {
    partition,
    alerts,
    journal,
    alertsReadMs: null,
    journalReadMs: null,
    journalNext: null,
    reading: false,
    working: new Set(),
    isOwned: () => at.owned,
    isFresh: () => at.owned && recent(held.alertsReadMs) && recent(held.journalReadMs),
    seen: (id) => at.owned ? new Promise((resolve) => awaited.set(id, resolve)) : Promise.resolve(),
    async holdFor(work) {
      held.working.add(work);
      await work.finally(() => held.working.delete(work));
    },
    take(record) {
      const alert = readAlert(record.value);
      if (alert === null) return;
      const subject = subjectOf(alert);
      const known = alerts.get(subject);
      if (known !== undefined && comparePlacing(known.alert, alert) >= 0) return;
      alerts.set(subject, { alert, recordMs: record.timestampMs });
    },
    note(record) {
      const fact = readJournalFact(record.value);
      if (fact === null) return;
      takeFact(journal, fact);
      awaited.get(fact.id)?.();
      awaited.delete(fact.id);
    },
    leave() {
      at.owned = false;
      for (const resolve of awaited.values()) resolve();
      awaited.clear();
    },
  };
  return held;
}

/** To its end. Whether there was anything new. */
async function readJournal(
  { log, clock }: Pick<AlertWatchOptions, "log" | "clock">,
  topic: string,
  held: Held,
): Promise<boolean> {
  if (held.reading || held.journalNext === null) return false;
  held.reading = true;
  try {
    for (let found = false;; found = true) {
      const sentMs = log.clockMs();
      const records = await readNext(log, { topic, partition: held.partition }, held.journalNext);
      for (const record of records) {
        held.note(record);
        held.journalNext = record.offset + 1;
      }
      if (records.length > 0) {
        await sliceTurn(clock);
        continue;
      }
      held.journalReadMs = sentMs;
      return found;
    }
  } finally {
    held.reading = false;
  }
}
