/** The log suite over the embedded log and over its twin. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { memoryLog } from "../../src/log/memory.ts";
import type { TopicPartition } from "../../src/log/port.ts";
import { openSqliteLog } from "../../src/log/sqlite.ts";
import { systemClock } from "../../src/time.ts";
import { logSuite, type LogUnderTest } from "./log_suite.ts";

type Housekeeping = LogUnderTest["log"] & {
  housekeep(floors: (tp: TopicPartition) => number): Promise<void>;
};

/** Lets nothing but the given partition's records below the offset go, by a retention that has always run out. */
async function trimByRetention(log: Housekeeping, tp: TopicPartition, offset: number): Promise<void> {
  const partitions = await log.partitionCount(tp.topic) ?? 0;
  await log.ensureTopics([{ topic: tp.topic, partitions, retentionMs: -1 }]);
  await log.housekeep(({ partition }) => partition === tp.partition ? offset : 0);
  await log.ensureTopics([{ topic: tp.topic, partitions, retentionMs: 60_000 }]);
}

logSuite("memory", async () => {
  const log = memoryLog({ clock: systemClock });
  return {
    log,
    prefix: "",
    expel: log.expel,
    trim: (tp, offset) => trimByRetention(log, tp, offset),
    dispose: () => log.close(),
  };
});

logSuite("sqlite", async () => {
  const folder = await mkdtemp(join(tmpdir(), "waymark-log-"));
  const open = () => openSqliteLog({ path: join(folder, "log.db"), clock: systemClock, fsync: false });
  let log = open();
  return {
    log,
    prefix: "",
    expel: (memberId) => log.expel(memberId),
    trim: (tp, offset) => trimByRetention(log, tp, offset),
    async reopen() {
      await log.close();
      return log = open();
    },
    async dispose() {
      await log.close();
      await rm(folder, { recursive: true });
    },
  };
});
