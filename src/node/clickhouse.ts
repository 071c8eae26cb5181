/** ClickHouse of one process: opened, migrated, filled by the sink. */
import type { Config } from "../config.ts";
import type { Log, TopicPartition } from "../log/port.ts";
import { type Analytics, openEmbedded } from "../sinks/analytics.ts";
import { type Sink, startSink } from "../sinks/clickhouse.ts";
import { applyMigrations } from "../sinks/migrations.ts";
import type { PoisonRow } from "../sinks/table_feed.ts";
import { type Clock, systemClock } from "../time.ts";
import { clickHousePath } from "./embedded.ts";
import { namingOf } from "./pipeline.ts";

export type ClickHouse = { analytics: Analytics; sink: Sink; stop(): Promise<void> };

export type ClickHouseOptions = {
  config: Config;
  log: Log;
  dataDir: string;
  clock: Clock;
  /** The records' times are those of a recording: keep the rows whatever their age. */
  replayed: boolean;
  poisoned(row: PoisonRow): void;
  failed(tp: TopicPartition, error: unknown): void;
};

export async function startClickHouse(options: ClickHouseOptions): Promise<ClickHouse> {
  const { config, log, clock } = options;
  const analytics = openEmbedded({ path: clickHousePath(options.dataDir) });
  try {
    await applyMigrations(analytics);
    const sink = await startSink({
      log,
      analytics,
      clock,
      group: config.WAYMARK_GROUP,
      naming: namingOf(config),
      logEpoch: config.WAYMARK_LOG_EPOCH,
      replayed: options.replayed,
      insertMs: config.WAYMARK_INSERT_MS,
      poisoned: options.poisoned,
      failed: options.failed,
    });
    return {
      analytics,
      sink,
      async stop() {
        await sink.stop();
        await analytics.close();
      },
    };
  } catch (error) {
    await analytics.close();
    throw error;
  }
}

/** Copies everything that is in the log into the ClickHouse of the directory; returns the rows inserted. */
export async function copyToClickHouse(log: Log, dataDir: string, config: Config): Promise<number> {
  const clock = systemClock;
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => {});
  const quick = { ...config, WAYMARK_INSERT_MS: 200 };
  const clickHouse = await startClickHouse({
    config: quick,
    log,
    dataDir,
    clock,
    replayed: true,
    poisoned: (row) => failed.reject(new Error(`ClickHouse refuses a row of ${row.table}: ${row.message}`)),
    failed: (_, error) => failed.reject(error),
  });
  try {
    for (;;) {
      const { partitions } = clickHouse.sink.status();
      const bounds = await allBounds(log, [...new Set(partitions.map((p) => p.topic))]);
      if (
        partitions.length > 0 &&
        partitions.every((p) => p.committed >= bounds.get(p.topic)![p.partition]!.end)
      ) break;
      await Promise.race([clock.sleep(50), failed.promise]);
    }
    return clickHouse.sink.status().partitions.reduce((sum, p) => sum + p.rowsInserted, 0);
  } finally {
    await clickHouse.stop();
  }
}

async function allBounds(log: Log, topics: string[]): Promise<Map<string, { end: number }[]>> {
  return new Map(await Promise.all(topics.map(async (topic) => [topic, await log.bounds(topic)] as const)));
}
