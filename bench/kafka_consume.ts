/**
 * What consuming costs: records/s and microseconds of CPU per record, from a broker's socket to an empty handler.
 *
 *   KAFKA_BROKERS=host:port deno run -A bench/kafka_consume.ts [records] [partitions]
 *
 * Fills a new topic with 300-byte ride events (lz4), then has a fresh group read all of it, several times. The CPU
 * is this process's alone, thread pool included; the broker's comes on top where it shares the machine.
 */
import process from "node:process";
import { openKafkaLog } from "../src/log/kafka/log.ts";
import type { GroupHandlers, Log } from "../src/log/port.ts";
import { hourMs, systemClock } from "../src/time.ts";
import { median } from "./median.ts";
import { rideEventBytes } from "./ride_event_bytes.ts";

const records = Number(process.argv[2] ?? 1_000_000);
const partitions = Number(process.argv[3] ?? 4);
const runs = 3;
const appendRecords = 4_000;
const brokers = (process.env["KAFKA_BROKERS"] ?? "").split(",").filter((broker) => broker !== "");
if (brokers.length === 0) throw new Error("set KAFKA_BROKERS; `deno task services` prints it");

const log = await openKafkaLog({ brokers, clock: systemClock, replicationFactor: 1 });
const topic = `bench-${systemClock.nowMs().toString(36)}`;
await fill(log);
const measured = [];
for (let run = 1; run <= runs; run++) measured.push(await consume(log, `${topic}-${run}`));
await log.close();
for (const { seconds, cpuMicros } of measured) console.log(line(seconds, cpuMicros));
const middle = {
  seconds: median(measured.map((m) => m.seconds)),
  cpuMicros: median(measured.map((m) => m.cpuMicros)),
};
console.log(`median of ${runs}: ${line(middle.seconds, middle.cpuMicros)}`);
process.exit(0);

async function fill(log: Log): Promise<void> {
  await log.ensureTopics([{ topic, partitions, retentionMs: hourMs }]);
  const events = rideEventBytes(appendRecords * partitions);
  const bytes = events.reduce((sum, { value }) => sum + value.length, 0);
  console.log(
    `${records} records of ${Math.round(bytes / events.length)} bytes, lz4, ${partitions} partitions`,
  );
  for (let done = 0; done < records; done += events.length) {
    const now = events.slice(0, records - done);
    await log.append(now.map((event, i) => ({ topic, partition: i % partitions, ...event })));
  }
}

async function consume(log: Log, group: string): Promise<{ seconds: number; cpuMicros: number }> {
  const all = Promise.withResolvers<void>();
  let seen = 0;
  const handlers: GroupHandlers = {
    assigned: () => Promise.resolve(0),
    batch(_, batch) {
      seen += batch.length;
      if (seen >= records) all.resolve();
      return Promise.resolve();
    },
    empty: () => Promise.resolve(),
    revoked: () => Promise.resolve(),
    lost() {},
    failed: (_, error) => all.reject(error),
  };
  const startMs = systemClock.monotonicMs();
  const cpu = process.cpuUsage();
  const member = await log.join({ group, topics: [topic], handlers });
  await all.promise;
  const { user, system } = process.cpuUsage(cpu);
  const seconds = (systemClock.monotonicMs() - startMs) / 1_000;
  await member.leave();
  return { seconds, cpuMicros: user + system };
}

function line(seconds: number, cpuMicros: number): string {
  const rate = Math.round(records / seconds).toLocaleString("en");
  return `${rate} records/s, ${(cpuMicros / records).toFixed(2)} us of CPU per record`;
}
