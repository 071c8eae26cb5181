/**
 * Waymark, windows only: what the other systems do, and no more, so that it is the same work.
 *
 *   deno run -A waymark_windows.ts BROKERS INPUT OUTPUT [MILLISECONDS BETWEEN UPDATES]
 *
 * As a member of a group, from the beginning of the topic. Every second, or as given, it publishes the windows that
 * have changed, and then commits how far it has read. Its state is in memory only, as that of the plain program is.
 */
import { minuteMs, systemClock } from "../../src/time.ts";
import { hash64 } from "../../src/ids.ts";
import type { GroupHandlers } from "../../src/log/port.ts";
import { openKafkaLog } from "../../src/log/kafka/log.ts";
import { CityWindows } from "./city_windows.ts";

const [brokers, input, output, updateMs = "1000"] = Deno.args as [string, string, string, string?];

const log = await openKafkaLog({ brokers: brokers.split(","), clock: systemClock });
const partitions = (await log.partitionCount(input))!;
const outputs = (await log.partitionCount(output))!;
const windowMs = Number(Deno.env.get("WINDOW_MINUTES") ?? 5) * minuteMs;
const windows = new CityWindows(partitions, windowMs);
const read = new Map<number, number>();
const handlers: GroupHandlers = {
  assigned: () => Promise.resolve(0),
  batch({ partition }, records) {
    for (const record of records) windows.fold(partition, record);
    read.set(partition, records.at(-1)!.offset + 1);
    return Promise.resolve();
  },
  empty: () => Promise.resolve(),
  revoked: () => Promise.resolve(),
  lost() {},
  failed(_, error) {
    throw error;
  },
};
const member = await log.join({
  group: `windows-${output}`,
  topics: [input],
  handlers,
  batchRecordsMax: 5_000,
});
for (;;) {
  await systemClock.sleep(Number(updateMs));
  const commits = [...read].map(([partition, offset]) => ({ topic: input, partition, offset, metadata: "" }));
  const records = windows.takeChanged().map(({ city, key, value }) => ({
    topic: output,
    partition: hash64(city).low % outputs,
    key,
    value,
  }));
  if (records.length === 0) continue;
  await log.append(records);
  await member.commit(commits);
}
