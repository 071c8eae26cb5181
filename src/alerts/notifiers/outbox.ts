/**
 * The outbox of one receiver: tells it what it is owed, one message at a time, independently of every other receiver.
 *
 * There is no queue to fill up: what is owed follows from the logs (due.ts), so a receiver that was away for an hour is
 * told the newest state of each rule in each city and nothing of what lies between.
 *
 *   owed? ─► wait for its pace ─► announced in the journal ─► still owed, both logs fresh? ─► send
 *     ▲                                                                                                    │
 *     └── read back ◄── accepted | refused into the journal ◄──────────────────────────────────────────────┤
 *     └── back off ◄── later ◄─────────────────────────────────────────────────────────────────────────────┘
 */
import type { Delivery } from "../../../schemas/alert_journal.ts";
import { limits } from "../../limits.ts";
import { metrics } from "../../telemetry/metrics.ts";
import { type Clock, isoTime, secondMs } from "../../time.ts";
import { holds, type Owed, owed, type Standing } from "../due.ts";
import { settleMs, silenceOf, type Told } from "../journal.ts";
import type { AlertWatch, SeenAlert, WatchedPartition } from "./alert_watch.ts";
import type { Answer, Notice, Receiver } from "./receiver.ts";

export type OutboxView = {
  receiver: string;
  /** Messages owed and not taken yet. */
  pending: number;
  oldest_seconds: number;
  /** What it last answered instead of taking a message; null once it took one. */
  failing: string | null;
};

export type Outbox = {
  view(): OutboxView;
  /** Something may have become due. */
  wake(): void;
  /** Ends after the message that is on its way. */
  stop(): Promise<void>;
};

export type OutboxOptions = {
  receiver: Receiver;
  watch: Pick<AlertWatch, "partitions" | "append">;
  clock: Clock;
  /** At least 0, below 1. */
  random(): number;
  /** This run of this process. */
  by: string;
  say(message: string): void;
};

type Item = { partition: WatchedPartition; subject: string; sinceMs: number };
type Due = { kind: "owed"; owed: Owed } | { kind: "repeat" } | null;

const tickMs = secondMs;
/** An announcement older than this is made again before anything is sent on its strength. */
const announcedMsMax = settleMs / 2;

export function startOutbox(options: OutboxOptions): Outbox {
  const { receiver, watch, clock, random, by, say } = options;
  const stopping = new AbortController();
  const sinceMs = new Map<string, number | null>();
  const triedMs = new Map<string, number>();
  const heldMs = new Map<string, number>();
  const announced = new Map<string, { name: string; atMs: number }>();
  const at = { facts: 0, failures: 0, limited: 0, notBeforeMs: 0, failing: null as string | null };
  let rouse = () => {};

  const toldOf = ({ journal }: WatchedPartition, subject: string): Told | null =>
    journal.told.get(receiver.name)?.get(subject) ?? null;

  function standingOf(partition: WatchedPartition, subject: string, { alert }: SeenAlert): Standing {
    const nowMs = clock.nowMs();
    return {
      newest: alert,
      told: toldOf(partition, subject),
      silence: silenceOf(partition.journal, alert, nowMs),
      acknowledgement: partition.journal.acknowledgements.get(alert.alert_id) ?? null,
      wanted: receiver.wants(alert),
      acknowledges: receiver.acknowledges,
      perIncident: receiver.perIncident,
      nowMs,
    };
  }

  function dueOf(partition: WatchedPartition, subject: string): Due {
    const seen = partition.alerts.get(subject);
    if (seen === undefined) return null;
    const standing = standingOf(partition, subject, seen);
    const message = owed(standing);
    noteSince(subject, message === null ? null : seen.recordMs);
    if (message !== null) return { kind: "owed", owed: message };
    if (receiver.repeatMs === null || !holds(standing)) return null;
    const heldAtMs = heldMs.get(subject);
    const due = heldAtMs === undefined || clock.monotonicMs() - heldAtMs >= receiver.repeatMs;
    return due ? { kind: "repeat" } : null;
  }

  /** What was due already when this process first looked, is so since its record. */
  function noteSince(subject: string, recordMs: number | null): void {
    const known = sinceMs.get(subject);
    if (recordMs === null) sinceMs.set(subject, null);
    else if (known === undefined) sinceMs.set(subject, recordMs);
    else if (known === null) sinceMs.set(subject, clock.nowMs());
  }

  function* dueItems(wanted: (due: NonNullable<Due>) => boolean): Generator<Item> {
    for (const partition of watch.partitions()) {
      for (const subject of partition.alerts.keys()) {
        const due = dueOf(partition, subject);
        if (due !== null && wanted(due)) {
          yield { partition, subject, sinceMs: sinceMs.get(subject) ?? clock.nowMs() };
        }
      }
    }
  }

  /** What was tried least recently comes first: one message that always fails holds up no other. */
  function queue(): Item[] {
    const tried = ({ subject }: Item) => triedMs.get(subject) ?? -Infinity;
    return [...dueItems(() => true)].filter(({ partition }) => partition.isFresh())
      .sort((a, b) => compare(tried(a), tried(b)) || a.sinceMs - b.sinceMs);
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      const items = queue();
      if (items.length === 0) await rest();
      for (const item of items) {
        await pace();
        if (stopping.signal.aborted) return;
        const work = tell(item);
        await item.partition.holdFor(work);
        if (at.failing !== null) break;
      }
    }
  }

  async function rest(): Promise<void> {
    const over = new AbortController();
    rouse = () => over.abort();
    const end = () => over.abort();
    stopping.signal.addEventListener("abort", end, { once: true });
    await clock.sleep(tickMs, over.signal);
    stopping.signal.removeEventListener("abort", end);
    rouse = () => {};
  }

  async function pace(): Promise<void> {
    const waitMs = at.notBeforeMs - clock.monotonicMs();
    if (waitMs > 0) await clock.sleep(waitMs, stopping.signal);
  }

  async function tell({ partition, subject }: Item): Promise<void> {
    triedMs.set(subject, clock.monotonicMs());
    const due = dueOf(partition, subject);
    if (due === null || !partition.isFresh()) return;
    try {
      const maybeSinceMs = maybeSince(toldOf(partition, subject));
      if (due.kind === "owed" && due.owed.kind !== "acknowledge") {
        await announce(partition, subject, due.owed);
      }
      // While it was being announced the world may have gone on, or we may have stood still.
      const now = dueOf(partition, subject);
      if (now === null || !sameDue(due, now) || !partition.isFresh()) return;
      const notice = noticeOf(partition, subject, now, maybeSinceMs);
      at.notBeforeMs = clock.monotonicMs() + receiver.spacingMs;
      const answer = await receiver.send(notice);
      await settle(partition, subject, { notice, answer });
    } catch (error) {
      // The log does not take the announcement: it says so itself, and nothing is sent meanwhile.
      backOff("failing", undefined);
      at.failing = `the log: ${error instanceof Error ? error.message : error}`;
    }
  }

  function noticeOf(
    partition: WatchedPartition,
    subject: string,
    due: NonNullable<Due>,
    maybeSinceMs: number | null,
  ): Notice {
    const { alert } = partition.alerts.get(subject)!;
    const told = toldOf(partition, subject);
    const meant = due.kind === "owed" ? due.owed : told!;
    return {
      kind: due.kind === "owed" ? due.owed.kind : "repeat",
      alert,
      alertId: meant.alertId,
      dedupKey: meant.dedupKey,
      acknowledgement: due.kind === "owed" && due.owed.kind === "acknowledge"
        ? due.owed.acknowledgement
        : null,
      ref: told?.alertId === meant.alertId ? told.ref : null,
      maybeSinceMs,
      test: false,
      atMs: clock.nowMs(),
    };
  }

  async function announce(partition: WatchedPartition, subject: string, message: Owed): Promise<void> {
    const name = `${message.kind} ${message.alertId}`;
    const known = announced.get(subject);
    const nowMs = clock.monotonicMs();
    if (known?.name === name && nowMs - known.atMs < announcedMsMax) return;
    const { alert } = partition.alerts.get(subject)!;
    const fact = factOf({ alert, ...message }, "attempted", "");
    const seen = partition.seen(fact.id);
    await watch.append(partition.partition, fact);
    await seen;
    announced.set(subject, { name, atMs: nowMs });
  }

  async function settle(
    partition: WatchedPartition,
    subject: string,
    { notice, answer }: { notice: Notice; answer: Answer },
  ): Promise<void> {
    const outcome = answer.kind === "later" ? answer.cause : answer.kind;
    metrics.notifications.inc({ receiver: receiver.name, outcome });
    if (answer.kind === "later") {
      if (at.failing === null) say(`${receiver.name} does not take messages: ${answer.detail}`);
      at.failing = answer.detail;
      return backOff(answer.cause, answer.afterMs);
    }
    if (at.failing !== null) say(`${receiver.name} takes messages again`);
    Object.assign(at, { failures: 0, limited: 0, failing: null });
    if (answer.kind === "refused") {
      say(`${receiver.name} refused the ${notice.kind} of ${notice.alertId} for good: ${answer.detail}`);
    }
    heldMs.set(subject, clock.monotonicMs());
    if (notice.kind === "repeat") return;
    announced.delete(subject);
    await write(
      partition,
      factOf(notice, answer.kind, answer.detail, "ref" in answer ? answer.ref : undefined),
    );
  }

  /** Also for a partition that has been taken away: the next owner must hear of it. */
  async function write(partition: WatchedPartition, fact: Delivery): Promise<void> {
    for (;;) {
      try {
        const seen = partition.seen(fact.id);
        await watch.append(partition.partition, fact);
        return await seen;
      } catch {
        // What was announced and not settled is told again by whoever comes next.
        if (stopping.signal.aborted) return;
        await clock.sleep(tickMs, stopping.signal);
      }
    }
  }

  function backOff(cause: "failing" | "limited", afterMs: number | undefined): void {
    const jitter = 0.5 + random() / 2;
    const grown = cause === "failing"
      ? Math.min(limits.notifyFailingMs, secondMs * 2 ** at.failures++) * jitter
      : Math.min(limits.notifyLimitedMs, receiver.limitedMs * 2 ** at.limited++) * (0.5 + jitter);
    at.notBeforeMs = clock.monotonicMs() + (afterMs ?? grown);
  }

  function factOf(
    told: Pick<Notice, "kind" | "alert" | "alertId" | "dedupKey">,
    outcome: Delivery["outcome"],
    detail: string,
    ref?: string,
  ): Delivery {
    const { alert } = told;
    return {
      kind: "delivery",
      id: `${by}/${receiver.name}/${++at.facts}`.slice(-128),
      receiver: receiver.name,
      dedup_key: told.dedupKey,
      rule: alert.rule,
      city: alert.city,
      alert_id: told.alertId,
      window_end: alert.window_end,
      rev: alert.rev,
      state: told.kind === "resolve"
        ? "resolved"
        : told.kind === "acknowledge"
        ? "acknowledged"
        : alert.state === "no_data"
        ? "no_data"
        : "firing",
      outcome,
      detail: detail.slice(0, 512),
      at: isoTime(clock.nowMs()),
      by,
      ...(ref !== undefined && { ref }),
    };
  }

  const running = run();
  return {
    view() {
      const items = [...dueItems((due) => due.kind === "owed")];
      const oldestMs = Math.min(...items.map((item) => item.sinceMs), clock.nowMs());
      return {
        receiver: receiver.name,
        pending: items.length,
        oldest_seconds: (clock.nowMs() - oldestMs) / 1_000,
        failing: at.failing,
      };
    },
    wake: () => rouse(),
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

const compare = (a: number, b: number): number => a < b ? -1 : a > b ? 1 : 0;

function maybeSince(told: Told | null): number | null {
  const triggers = (told?.attempts ?? []).filter((attempt) => attempt.opens);
  return triggers.length === 0 ? null : Math.min(...triggers.map((attempt) => attempt.atMs));
}

function sameDue(a: NonNullable<Due>, b: NonNullable<Due>): boolean {
  if (a.kind === "repeat" || b.kind === "repeat") return a.kind === b.kind;
  return a.owed.kind === b.owed.kind && a.owed.alertId === b.owed.alertId;
}
