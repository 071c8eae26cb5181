/** The log as one process has it: the port of src/log/port.ts over the wire to the broker. */
import { WaymarkError } from "../../src/errors.ts";
import type { Commit, Log, LogRecord, NewRecord, TopicPartition } from "../../src/log/port.ts";
import type { Clock } from "../../src/time.ts";
import { secondMs } from "../../src/time.ts";
import type { Random } from "../../src/traffic/random.ts";
import { logClosed, topicMissing } from "../../src/log/refusals.ts";
import type { Broker } from "./broker.ts";
import type { Coordinator } from "./coordinator.ts";
import { joinGroup, type MemberOptions } from "./member.ts";
import type { Plan } from "./plan.ts";
import type { Points } from "./points.ts";
import type { Schedule } from "./schedule.ts";
import type { Call, Wire } from "./wire.ts";

export type BrokerSide = {
  schedule: Schedule;
  wire: Wire;
  broker: Broker;
  random: Random;
  points: Points;
  plan: Plan;
  /** Calls back once, at the next append to the partition. */
  waitForAppend(tp: TopicPartition, woken: () => void): void;
  commit(group: string, memberId: () => string, commits: Commit[]): Promise<void>;
};

export type LogClientOptions = Omit<BrokerSide, "commit"> & {
  clock: Clock;
  who: string;
  coordinator: Coordinator;
  handed: MemberOptions["handed"];
  /** Told before an append of this process is applied. */
  appends(records: readonly NewRecord[]): void;
  /** Told of each call when it is made, and when it is over. */
  busy(what: "append" | "commit", by: 1 | -1): void;
};

const callMs = 3 * secondMs;

export function logClient(options: LogClientOptions): Log {
  const { wire, broker, coordinator, random, points, plan } = options;
  const failure = (what: string) => (why: string) =>
    new WaymarkError("log_unavailable", `cannot ${what}: ${why}`);
  const closing = new AbortController();
  const refuseClosed = () => {
    if (closing.signal.aborted) throw logClosed();
  };
  const ask = async <T>(label: string, apply: Call<T>["apply"]): Promise<T> => {
    refuseClosed();
    return await wire.call({ to: "log", label, apply, timeoutMs: callMs, failure: failure(label) });
  };

  /** To some of the partitions only, now and then: an append to several is not one transaction. */
  function applyAppend(records: readonly NewRecord[]): void {
    options.appends(records);
    const targets = new Set(records.map((r) => `${r.topic}/${r.partition}`));
    if (targets.size > 1 && random.chance(plan.rates.append_torn)) {
      const kept = new Set([...targets].filter(() => random.chance(0.5)));
      points.sometimes("append_torn");
      broker.append(records.filter((r) => kept.has(`${r.topic}/${r.partition}`)));
      throw failure("append")("not all partitions took it");
    }
    broker.append(records);
  }

  async function commit(group: string, memberId: () => string, commits: Commit[]): Promise<void> {
    const asMember = memberId();
    options.busy("commit", 1);
    try {
      await wire.call({
        to: "log",
        label: "commit",
        apply: () => {
          for (const tp of commits) {
            if (coordinator.holds(group, asMember, tp)) continue;
            points.sometimes("zombie_commit_refused");
            throw failure("commit")(`${tp.topic}/${tp.partition} is not assigned to ${asMember}`);
          }
          broker.commit(group, commits);
        },
        timeoutMs: callMs,
        failure: failure("commit"),
        rates: { lost: plan.rates.append_lost / 2, unanswered: plan.rates.append_unanswered / 2 },
      });
    } finally {
      options.busy("commit", -1);
    }
  }

  const log: Log = {
    ensureTopics: (specs) => ask("ensure topics", () => broker.ensureTopics(specs)),
    partitionCount: (topic) => ask("count partitions", () => broker.topics.get(topic)?.length ?? null),
    async append(records) {
      refuseClosed();
      options.busy("append", 1);
      try {
        await wire.call({
          to: "log",
          label: "append",
          apply: () => applyAppend(records),
          timeoutMs: callMs,
          failure: failure("append"),
          rates: {
            lost: plan.rates.append_lost,
            unanswered: plan.rates.append_unanswered,
            late: plan.rates.append_late,
            twice: plan.rates.append_twice,
          },
          points: {
            lost: "append_lost",
            unanswered: "append_unanswered",
            late: "append_late",
            twice: "append_twice",
            fromTheDead: "append_from_the_dead",
          },
        });
      } finally {
        options.busy("append", -1);
      }
    },
    bounds: (topic) =>
      ask("bounds", () => broker.partitions(topic).map(({ start, end }) => ({ start, end }))),
    read: (tp, offset, max): Promise<LogRecord[]> => ask("read", () => broker.read(tp, offset, max)),
    hasMore: (tp, offset) => broker.partition(tp).end > offset,
    offsetAt: (tp, timeMs) => ask("look up a time", () => broker.offsetAt(tp, timeMs)),
    async join(join) {
      refuseClosed();
      for (const topic of join.topics) if (!broker.topics.has(topic)) throw topicMissing(topic);
      return await joinGroup(join, {
        ...options,
        commit,
        closed: closing.signal,
        pollMs: plan.settings.pollMs,
        heartbeatMs: plan.settings.sessionMs / 3,
        bounds: async (tp) => (await log.bounds(tp.topic))[tp.partition] ?? { start: 0, end: 0 },
      });
    },
    members: (group) =>
      ask("members", () => coordinator.members(group).map((member) => ({ ...member, address: null }))),
    committed: (group, topic) => ask("committed offsets", () => broker.committed(group, topic)),
    clockMs: () => broker.clockMs(),
    appended(topic, signal) {
      if (closing.signal.aborted || signal?.aborted) return Promise.resolve();
      return new Promise((resolve) => {
        for (const tp of broker.partitions(topic)) options.waitForAppend(tp, () => resolve());
        for (const end of [signal, closing.signal]) end?.addEventListener("abort", () => resolve());
      });
    },
    close: async () => closing.abort(),
  };
  return log;
}
