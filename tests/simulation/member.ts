/**
 * A process's membership in a group: heartbeats, one fetch at a time for all its partitions, and the readers of the
 * Kafka adapter (src/log/kafka/partition_reader.ts), which are the real ones.
 *
 *   beat ──► held, to be given back ──► readers begin, release        unknown ──► all are lost, join again
 *   fetch ─► held by the broker until there is something, or for pollMs ──► reader.arrived
 */
import { WaymarkError } from "../../src/errors.ts";
import { partitionName } from "../../src/log/assignment.ts";
import type { Fetched } from "../../src/log/kafka/fetch.ts";
import { type KafkaReader, startKafkaReader } from "../../src/log/kafka/partition_reader.ts";
import type {
  Commit,
  GroupHandlers,
  JoinOptions,
  LogBounds,
  LogRecord,
  Membership,
  TopicPartition,
} from "../../src/log/port.ts";
import type { Clock } from "../../src/time.ts";
import { secondMs } from "../../src/time.ts";
import type { Coordinator } from "./coordinator.ts";
import type { BrokerSide } from "./log_client.ts";
import type { Held } from "./wire.ts";

export type MemberOptions = BrokerSide & {
  clock: Clock;
  who: string;
  coordinator: Coordinator;
  pollMs: number;
  heartbeatMs: number;
  bounds(tp: TopicPartition): Promise<LogBounds>;
  /** The process closes its log: everything is lost to its members. */
  closed: AbortSignal;
  /** Told of every batch that is handed over, for the checkers. */
  handed(
    tp: TopicPartition,
    memberId: string,
    records: readonly LogRecord[] | "assigned",
    from: number,
  ): void;
};

type Answer = Map<KafkaReader, Fetched | "out_of_range">;

const callMs = 2 * secondMs;

export async function joinGroup(join: JoinOptions, options: MemberOptions): Promise<Membership> {
  const { schedule, wire, broker, coordinator, clock, random, points, plan } = options;
  const { group, topics } = join;
  const recordsMax = join.batchRecordsMax ?? 2_000;
  const failure = (what: string) => (why: string) =>
    new WaymarkError("log_unavailable", `cannot ${what} of ${group}: ${why}`);
  let memberId = await enter();
  let hasJoined = false;
  let left = false;
  let released: TopicPartition[] = [];
  const unconfirmed: (() => void)[] = [];
  const readers = new Map<string, KafkaReader>();
  let nudge = () => {};

  function enter(): Promise<string> {
    return wire.call({
      to: "log",
      label: "join",
      apply: () => coordinator.join(group, topics, options.who),
      timeoutMs: callMs,
      failure: failure("become a member"),
    });
  }

  /** Of the member that it is now: an owner that was slow to begin may be another one by then. */
  const handlersOf = (as: string): GroupHandlers => ({
    async assigned(tp) {
      const from = await join.handlers.assigned(tp);
      options.handed(tp, as, "assigned", from);
      return from;
    },
    async batch(tp, records, end) {
      options.handed(tp, as, [...records], records.at(0)!.offset);
      await join.handlers.batch(tp, records, end);
    },
    empty: (tp, at) => join.handlers.empty(tp, at),
    revoked: (tp) => join.handlers.revoked(tp),
    lost: (tp) => join.handlers.lost(tp),
    failed: (tp, error) => join.handlers.failed(tp, error),
  });

  function begin(tp: TopicPartition): void {
    const name = partitionName(tp);
    const reader = startKafkaReader({
      tp,
      handlers: handlersOf(memberId),
      batchRecordsMax: recordsMax,
      clock,
      bounds: options.bounds,
      confirmed: () => new Promise((resolve) => unconfirmed.push(resolve)),
      onTrouble() {},
      wake: () => nudge(),
      turn: () => Promise.resolve(),
    });
    readers.set(name, reader);
    void reader.released.then(() => {
      if (readers.get(name) !== reader) return;
      readers.delete(name);
      released.push(tp);
    });
  }

  async function beat(): Promise<void> {
    const told = released;
    const asking = unconfirmed.length;
    const answer = await wire.call({
      to: "log",
      label: "beat",
      apply: () => coordinator.beat(group, memberId, told),
      timeoutMs: callMs,
      failure: failure("tell the group"),
      rates: { lost: plan.rates.fetch_failed / 2, unanswered: plan.rates.fetch_failed / 2 },
    });
    if (left) return;
    if (!answer.known) await startAnew();
    else reconcile(answer, told);
    for (const confirm of unconfirmed.splice(0, asking)) confirm();
  }

  function reconcile(
    { held, giveBack }: { held: TopicPartition[]; giveBack: TopicPartition[] },
    told: readonly TopicPartition[],
  ): void {
    hasJoined = true;
    released = released.filter((tp) => !told.includes(tp));
    const isReleased = (tp: TopicPartition) => released.some((r) => partitionName(r) === partitionName(tp));
    for (const tp of held) if (!readers.has(partitionName(tp)) && !isReleased(tp)) begin(tp);
    for (const tp of giveBack) {
      const reader = readers.get(partitionName(tp));
      if (reader !== undefined) reader.release();
      else if (!isReleased(tp)) released.push(tp);
    }
  }

  /** The group goes on without us: everything is lost, and we come back as somebody else. */
  async function startAnew(): Promise<void> {
    if (readers.size > 0) points.sometimes("zombie");
    const lost = [...readers.values()];
    readers.clear();
    released = [];
    hasJoined = false;
    for (const reader of lost) reader.lose();
    memberId = await enter();
    if (left) coordinatorLeaves();
  }

  async function beating(): Promise<void> {
    while (!left) {
      await beat().catch(() => {});
      await clock.sleep(options.heartbeatMs, options.closed);
    }
  }

  async function fetching(): Promise<void> {
    while (!left) {
      const wants = [...readers.values()].flatMap((reader) => {
        const offset = reader.wanted();
        return offset === null ? [] : [{ reader, offset }];
      });
      if (wants.length === 0) {
        await new Promise<void>((resolve) => nudge = resolve);
        continue;
      }
      const sent = { atMs: broker.clockMs(), monotonicMs: clock.monotonicMs() };
      try {
        const answer = await wire.call<Answer>({
          to: "log",
          label: "fetch",
          apply: () => answerTo(wants),
          timeoutMs: callMs + options.pollMs,
          failure: failure("fetch"),
          rates: { lost: plan.rates.fetch_failed / 2, unanswered: plan.rates.fetch_failed / 2 },
          points: { lost: "fetch_failed", unanswered: "fetch_failed" },
        });
        for (const { reader, offset } of wants) {
          const fetched = answer.get(reader);
          if (fetched === "out_of_range") await reader.outOfRange();
          else if (fetched !== undefined) reader.arrived(fetched, { offset, ...sent });
        }
      } catch {
        for (const { reader } of wants) reader.doubt();
        await clock.sleep(200, options.closed);
      }
    }
  }

  /** At the broker: what there is, after it has waited for more; nothing when the time is over. */
  function answerTo(wants: readonly { reader: KafkaReader; offset: number }[]): Held<Answer> {
    return {
      hold(answer) {
        let answered = false;
        let lingers = false;
        const look = (isLast: boolean) => {
          if (answered) return;
          const found = lookAt(wants);
          const isNews = [...found.values()].some((f) => f === "out_of_range" || !f.isEmpty);
          if (!isNews && !isLast) return;
          answered = true;
          answer(found);
        };
        const linger = () => {
          if (answered || lingers) return;
          lingers = true;
          schedule.at(
            plan.settings.lingerMs * random.uniform(),
            "fetch lingers",
            () => {
              lingers = false;
              look(false);
            },
            null,
            () => answered,
          );
        };
        const behind = wants.map(({ reader, offset }) => broker.partition(reader.tp).end - offset);
        if (behind.some((records) => records !== 0)) {
          behind.some((records) => records !== 1) ? linger() : look(false);
        }
        for (const { reader } of wants) options.waitForAppend(reader.tp, linger);
        schedule.at(options.pollMs, "fetch held", () => look(true), null, () => answered);
      },
    };
  }

  function lookAt(wants: readonly { reader: KafkaReader; offset: number }[]): Answer {
    const most = 1 + random.below(400);
    return new Map(wants.map(({ reader, offset }): [KafkaReader, Fetched | "out_of_range"] => {
      const { start, end } = broker.partition(reader.tp);
      if (offset < start || offset > end) return [reader, "out_of_range"];
      // A broker hands out whole batches: what is asked for may stand in the middle of one.
      const early = offset > start && offset < end && random.chance(plan.rates.fetch_early)
        ? Math.max(start, offset - 1 - random.below(3))
        : offset;
      const records = broker.read(reader.tp, early, most);
      if (early < offset && records.length > 0) points.sometimes("fetch_early");
      // The gap after the last record has been passed, too, as by a batch of control records.
      const last = records.at(-1);
      const nextOffset = last === undefined || records.length < most
        ? Math.max(offset, end)
        : last.offset + 1;
      const isEmpty = records.length === 0;
      return [reader, { ...reader.tp, errorCode: 0, end, records, nextOffset, failure: null, isEmpty }];
    }));
  }

  function coordinatorLeaves(): void {
    void wire.call({
      to: "log",
      label: "leave",
      apply: () => coordinator.leave(group, memberId),
      timeoutMs: callMs,
      failure: failure("leave"),
    }).catch(() => {});
  }

  options.closed.addEventListener("abort", () => {
    left = true;
    nudge();
    for (const reader of readers.values()) reader.lose();
  });
  void beating();
  void fetching();
  return {
    get memberId() {
      return memberId;
    },
    hasJoined: () => hasJoined,
    assignment: () => [...readers.values()].filter((r) => r.owns()).map(({ tp }) => ({ ...tp })),
    commit: (commits: Commit[]) => options.commit(group, () => memberId, commits),
    pause: (tp) => readers.get(partitionName(tp))?.pause(),
    resume: (tp) => readers.get(partitionName(tp))?.resume(),
    async leave() {
      const held = [...readers.values()];
      for (const reader of held) reader.release();
      await Promise.all(held.map((reader) => reader.released));
      left = true;
      nudge();
      coordinatorLeaves();
    },
  };
}
