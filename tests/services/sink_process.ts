/**
 * A ClickHouse sink alone in a process, which kills or stops itself at a step that it was told: the instants between
 * asking for an insert, its answer and the commit are too short to be met from outside.
 *
 *   deno run -A tests/services/sink_process.ts '{"brokers":…}'        prints a line for each step
 */
import process from "node:process";
import { openKafkaLog } from "../../src/log/kafka/log.ts";
import type { Log } from "../../src/log/port.ts";
import { type Analytics, openServer } from "../../src/sinks/analytics.ts";
import { startSink } from "../../src/sinks/clickhouse.ts";
import { applyMigrations } from "../../src/sinks/migrations.ts";
import { systemClock } from "../../src/time.ts";

export const sinkSteps = [
  "insert asked",
  "insert under way",
  "insert answered",
  "commit under way",
  "committed",
] as const;
export type SinkStep = typeof sinkSteps[number];

export type SinkProcessOptions = {
  brokers: string[];
  url: string;
  prefix: string;
  group: string;
  insertRowsMax: number;
  insertMs: number;
  sessionMs: number;
  /** The signal it sends to itself at the n-th time of the step. */
  at?: { step: SinkStep; times: number; afterMs: number; signal: "SIGKILL" | "SIGSTOP" };
};

if (import.meta.main) await run(JSON.parse(process.argv[2]!) as SinkProcessOptions);

async function run(options: SinkProcessOptions): Promise<void> {
  const clock = systemClock;
  const { brokers, prefix, group, insertRowsMax, insertMs, at } = options;
  const counts = new Map<SinkStep, number>();

  async function reached(step: SinkStep): Promise<void> {
    counts.set(step, (counts.get(step) ?? 0) + 1);
    console.log(step);
    if (at === undefined || at.step !== step || counts.get(step) !== at.times) return;
    if (at.afterMs > 0) await clock.sleep(at.afterMs);
    process.kill(process.pid, at.signal);
  }

  const log = await openKafkaLog({ brokers, clock, timing: { sessionMs: options.sessionMs } });
  const server = openServer({ url: options.url });
  const analytics: Analytics = {
    ...server,
    async insert(into, lines, named) {
      await reached("insert asked");
      const answer = server.insert(into, lines, named);
      void reached("insert under way");
      const taken = await answer;
      await reached("insert answered");
      return taken;
    },
  };
  const watched: Log = {
    ...log,
    async join(asked) {
      const member = await log.join(asked);
      return {
        ...member,
        get memberId() {
          return member.memberId;
        },
        async commit(commits) {
          const done = member.commit(commits);
          void reached("commit under way");
          await done;
          await reached("committed");
        },
      };
    },
  };
  await applyMigrations(server);
  const sink = await startSink({
    log: watched,
    analytics,
    clock,
    group,
    naming: { prefix, generation: 1 },
    logEpoch: 0,
    replayed: true,
    insertRowsMax,
    insertMs,
    poisoned: (row) => {
      throw new Error(`refused: ${row.message}`);
    },
    failed: (_, error) => {
      console.error(error);
      process.exit(1);
    },
  });
  process.on("SIGTERM", () => {
    void sink.stop().then(() => Promise.all([log.close(), server.close()])).then(() => process.exit(0));
  });
  console.log("ready");
}
