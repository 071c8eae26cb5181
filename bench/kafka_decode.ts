/**
 * What decoding costs: microseconds of CPU per record from the bytes of a lz4 batch of 300-byte ride events, ours
 * and kafkajs' decoder by turns, so that a noisy moment falls on both.
 *
 *   deno run -A bench/kafka_decode.ts [records of a batch]
 */
import process from "node:process";
import { encodeBatch } from "../src/log/kafka/batch_encoder.ts";
import { compressionCodes } from "../src/log/kafka/codecs.ts";
import { readRecordSet } from "../src/log/kafka/record_set.ts";
import type { LogRecord } from "../src/log/port.ts";
import { kafkajsRecords } from "../tests/unit/log/kafka/kafkajs_records.ts";
import { median } from "./median.ts";
import { rideEventBytes } from "./ride_event_bytes.ts";

const count = Number(process.argv[2] ?? 1_000);
const runs = 7;
const recordsPerRun = 200_000;

const events = rideEventBytes(count);
const messages = events.map((event, i) => ({
  ...event,
  headers: {},
  timestampMs: 1_750_000_000_000 + i * 3,
}));
const frame = { producerId: "1", producerEpoch: 0, firstSequence: 0 };
const batch = encodeBatch(messages, { ...frame, compression: compressionCodes.lz4 });
const bare = encodeBatch(messages, { ...frame, compression: compressionCodes.none });
const wanted = { from: 0, recordedTimes: true, aborted: [] };
const ways: Record<string, () => Promise<LogRecord[]>> = {
  "ours": async () => [...(await readRecordSet(batch, wanted)).records],
  "kafkajs": () => kafkajsRecords(batch, 0),
  "ours, not compressed": async () => [...(await readRecordSet(bare, wanted)).records],
  "kafkajs, not compressed": () => kafkajsRecords(bare, 0),
};
const micros = new Map(Object.keys(ways).map((name) => [name, [] as number[]]));

for (const way of Object.values(ways)) await measured(way);
for (let run = 0; run < runs; run++) {
  for (const [name, way] of Object.entries(ways)) micros.get(name)!.push(await measured(way));
}
console.log(
  `${count} records of ${Math.round(bare.length / count)} bytes, ${Math.round(batch.length / count)} in lz4`,
);
for (const [name, each] of micros) {
  const [least, most] = [Math.min(...each), Math.max(...each)].map((us) => us.toFixed(2));
  console.log(`${name}: ${median(each).toFixed(2)} us of CPU per record (${least} to ${most}, ${runs} runs)`);
}

async function measured(way: () => Promise<LogRecord[]>): Promise<number> {
  const cpu = process.cpuUsage();
  for (let done = 0; done < recordsPerRun; done += count) {
    const records = await way();
    if (records.length !== count) throw new Error(`${records.length} records were decoded, wanted ${count}`);
  }
  const { user, system } = process.cpuUsage(cpu);
  return (user + system) / recordsPerRun;
}
