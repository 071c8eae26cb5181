/**
 * The sink of a ClickHouse server that may be away when the process starts: it is begun when the server answers, and
 * until then it stands where its group stood, so that the log keeps what ClickHouse still has to get.
 */
import { messageOf, WaymarkError } from "../errors.ts";
import type { TopicPartition } from "../log/port.ts";
import { topicName } from "../log/topics.ts";
import { timeAt } from "../sinks/resume.ts";
import { type Sink, sinkGroup, type SinkOptions, type SinkPartitionStatus } from "../sinks/clickhouse.ts";
import { sinkTables } from "../sinks/rows.ts";
import { secondMs } from "../time.ts";

type Context = Pick<SinkOptions, "log" | "clock" | "group" | "naming" | "failed">;

const retryMs = 2 * secondMs;

/** `start` once; again and again while ClickHouse is unavailable. Throws what else it throws the first time. */
export async function startPatiently(start: () => Promise<Sink>, context: Context): Promise<Sink> {
  try {
    return await start();
  } catch (thrown) {
    if (!isAway(thrown)) throw thrown;
    return await startLater(start, context, messageOf(thrown));
  }
}

async function startLater(start: () => Promise<Sink>, context: Context, why: string): Promise<Sink> {
  const { clock } = context;
  let waiting = await waitingPartitions(context, []);
  const stopping = new AbortController();
  let sink: Sink | null = null;
  let lastError = why;
  let refused: (TopicPartition & { error: string })[] = [];

  async function begin(): Promise<void> {
    while (sink === null && !stopping.signal.aborted) {
      await clock.sleep(retryMs, stopping.signal);
      if (stopping.signal.aborted) return;
      try {
        sink = await start();
      } catch (thrown) {
        lastError = messageOf(thrown);
        if (isAway(thrown)) {
          // The log away, too: what is known stays as it was.
          waiting = await waitingPartitions(context, waiting).catch(() => waiting);
          continue;
        }
        refused = waiting.map(({ topic, partition }) => ({ topic, partition, error: lastError }));
        const [first] = waiting;
        if (first !== undefined) context.failed?.({ topic: first.topic, partition: first.partition }, thrown);
        return;
      }
    }
  }

  const begun = begin();
  return {
    status: () =>
      sink?.status() ?? {
        group: sinkGroup(context),
        tables: [],
        partitions: waiting.map((partition) => ({ ...partition, lastError })),
        stopped: refused,
      },
    async stop() {
      stopping.abort();
      await begun;
      await sink?.stop();
    },
  };
}

const isAway = (thrown: unknown): boolean =>
  thrown instanceof WaymarkError && thrown.code === "analytics_unavailable";

/** Where the group stands. `before` spares reading the records again that are still the next ones. */
async function waitingPartitions(
  { log, group, naming }: Context,
  before: SinkPartitionStatus[],
): Promise<SinkPartitionStatus[]> {
  const all = await Promise.all(sinkTables.map(async (table) => {
    const topic = topicName(table.topic, naming);
    const [bounds, committed] = [await log.bounds(topic), await log.committed(sinkGroup({ group }), topic)];
    return await Promise.all(bounds.map(async ({ start, end }, partition): Promise<SinkPartitionStatus> => {
      const offset = Math.max(start, committed[partition]?.offset ?? start);
      const known = before.find((b) => b.topic === topic && b.partition === partition);
      const isSame = known?.committed === offset && known.oldestWaitingMs !== null;
      return {
        topic,
        partition,
        table: table.table,
        committed: offset,
        taken: offset,
        lag: Math.max(0, end - offset),
        rowsInserted: 0,
        recordsSkipped: 0,
        rowsPoisoned: 0,
        gap: null,
        oldestWaitingMs: isSame
          ? known.oldestWaitingMs
          : offset < end
          ? await timeAt(log, { topic, partition }, offset)
          : null,
        lastError: null,
      };
    }));
  }));
  return all.flat();
}
