/**
 * What a partition of `alert-journal` says, folded in its order: what each receiver was told of each rule in each city,
 * what is silenced, what is acknowledged. Pure.
 *
 * Every trigger and every resolve is announced here before it is sent (`attempted`) and settled afterwards (`accepted`,
 * `refused`). Whoever reads the journal after a crash in between knows that the receiver may have heard it: an incident
 * that may be open has to be ended, and forgetting to resolve is the one mistake that does not mend itself. Repeating
 * is safe: a trigger joins the open incident, a resolve of a closed one is dropped.
 *
 *   trigger attempted ──► perhaps open ──accepted──► open ──resolve accepted or refused──► closed
 *                              └ refused ──► closed, and never asked again about this incident
 *
 * An attempt of another process that nobody settled may still be on its way. Whoever tells the receiver the opposite
 * tells it once more when `settleMs` have passed since the attempt: what was late is undone. And where the opposite was
 * settled between the announcement of a message and its settling, what the receiver now thinks is anybody's guess
 * (`unsure`), and is told again.
 */
import type { Acknowledgement, Delivery, JournalFact, Silence } from "../../schemas/alert_journal.ts";
import { minuteMs } from "../time.ts";
import { comparePlacing, type Placing, subjectOf } from "./newest.ts";

/** What was announced longer ago than this has arrived by now, or never will: the outbox sends nothing on the strength
 * of an older announcement. */
export const settleMs = 2 * minuteMs;

/** A message of which nobody said what became of it. */
export type Attempt = {
  by: string;
  atMs: number;
  alertId: string;
  /** A trigger; else a resolve. */
  opens: boolean;
  /** The opposite has been told since. */
  answered: boolean;
};

/** What one receiver was told of one rule in one city. */
export type Told = {
  /** The incident last told of. */
  alertId: string;
  dedupKey: string;
  /** The newest transition told: nothing older is sent any more. */
  newest: Placing;
  /** A trigger was accepted, and no resolve since. */
  open: boolean;
  /** A trigger and a resolve of two processes were under way together: nobody knows which of them came last. */
  unsure: boolean;
  attempts: readonly Attempt[];
  /** The incident whose trigger was refused. */
  refused: string | null;
  /** The acknowledgement that went out for `alertId`. */
  acknowledged: boolean;
  ref: string | null;
};

export type Journal = {
  /** By receiver, then by subject (rule and city). */
  told: Map<string, Map<string, Told>>;
  /** The last word of each receiver about each incident, for people. */
  deliveries: Map<string, Map<string, Delivery>>;
  /** Not ended by anybody; `until` is judged by whoever asks. */
  silences: Map<string, Silence>;
  /** By incident. */
  acknowledgements: Map<string, Acknowledgement>;
};

export const emptyJournal = (): Journal => ({
  told: new Map(),
  deliveries: new Map(),
  silences: new Map(),
  acknowledgements: new Map(),
});

/** Entries of each kind that are kept; the first to come leaves. People and incidents make few. */
const entriesMax = 20_000;

export function takeFact(journal: Journal, fact: JournalFact): void {
  switch (fact.kind) {
    case "silence":
      return putBounded(journal.silences, fact.id, fact);
    case "unsilence":
      return void journal.silences.delete(fact.silence_id);
    case "acknowledge":
      return putBounded(journal.acknowledgements, fact.alert_id, fact);
    case "delivery":
      return takeDelivery(journal, fact);
  }
}

function putBounded<V>(map: Map<string, V>, key: string, value: V): void {
  map.delete(key);
  map.set(key, value);
  if (map.size > entriesMax) map.delete(map.keys().next().value!);
}

function takeDelivery(journal: Journal, fact: Delivery): void {
  const subjects = journal.told.get(fact.receiver) ?? new Map<string, Told>();
  journal.told.set(fact.receiver, subjects);
  const subject = subjectOf(fact);
  subjects.set(subject, toldAfter(subjects.get(subject), fact));
  const byReceiver = journal.deliveries.get(fact.alert_id) ?? new Map<string, Delivery>();
  byReceiver.set(fact.receiver, fact);
  putBounded(journal.deliveries, fact.alert_id, byReceiver);
}

function toldAfter(before: Told | undefined, fact: Delivery): Told {
  const newest = before !== undefined && comparePlacing(before.newest, fact) > 0
    ? before.newest
    : { window_end: fact.window_end, rev: fact.rev };
  const opens = fact.state !== "resolved";
  // What is open stays what it is until the receiver has taken something else.
  const keeps = before?.open === true &&
    (fact.state === "acknowledged" || (opens && fact.outcome !== "accepted"));
  const meant = keeps ? before : { alertId: fact.alert_id, dedupKey: fact.dedup_key };
  const same = before?.alertId === meant.alertId;
  const told: Told = {
    alertId: meant.alertId,
    dedupKey: meant.dedupKey,
    newest,
    open: before?.open ?? false,
    unsure: before?.unsure ?? false,
    attempts: before?.attempts ?? [],
    refused: before?.refused ?? null,
    acknowledged: same && before.acknowledged,
    ref: fact.ref ?? (same ? before.ref : null),
  };
  if (fact.state === "acknowledged") {
    return { ...told, acknowledged: told.acknowledged || fact.alert_id === told.alertId };
  }
  if (fact.outcome === "attempted") {
    return { ...told, attempts: [...others(told, fact, opens), attemptOf(fact)] };
  }
  if (opens && fact.outcome === "refused") {
    return { ...told, attempts: others(told, fact, opens), refused: fact.alert_id };
  }
  // A resolve that was refused ends it as well: it would be refused again.
  const attempts = answered(told.attempts, fact, opens);
  const unsure = !told.attempts.some((a) => a.by === fact.by && a.opens === opens && !a.answered);
  return opens
    ? { ...told, open: true, unsure, attempts, refused: null }
    : { ...told, open: false, unsure, attempts, acknowledged: false };
}

const attemptOf = (fact: Delivery): Attempt => ({
  by: fact.by,
  atMs: Date.parse(fact.at),
  alertId: fact.alert_id,
  opens: fact.state !== "resolved",
  answered: false,
});

/** Without those of the same kind by the same process, which sends one message after the other. */
const others = ({ attempts }: Told, { by }: Delivery, opens: boolean): Attempt[] =>
  attempts.filter((attempt) => attempt.by !== by || attempt.opens !== opens);

/** What is left open once a receiver has been told something: the rest has arrived, and is undone. */
function answered(attempts: readonly Attempt[], { by, at }: Delivery, opens: boolean): Attempt[] {
  const tooOldMs = Date.parse(at) - settleMs;
  return attempts.filter((attempt) =>
    attempt.by !== by && (attempt.opens === opens || attempt.atMs > tooOldMs)
  )
    .map((attempt) => attempt.opens === opens ? attempt : { ...attempt, answered: true });
}

/** The silence that covers a rule in a city now; of several the one that lasts longest. */
export function silenceOf(
  journal: Journal,
  subject: { rule: string; city: string },
  nowMs: number,
): Silence | null {
  let longest: Silence | null = null;
  for (const silence of journal.silences.values()) {
    const covers = (silence.rule === "*" || silence.rule === subject.rule) &&
      (silence.city === "*" || silence.city === subject.city) && Date.parse(silence.until) > nowMs;
    if (covers && (longest === null || silence.until > longest.until)) longest = silence;
  }
  return longest;
}
