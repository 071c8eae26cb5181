/**
 * A process to be killed: appends to the log file it is given, and writes a line for every call that was answered.
 *
 * Call n puts `recordsPerCall` records whose value begins with n into each of `partitions` partitions: large enough
 * that the write-ahead log is copied back while calls go on, so that the kill may fall into that, too.
 */
import process from "node:process";
import { writeSync } from "node:fs";
import { utf8 } from "../../src/ids.ts";
import { openSqliteLog } from "../../src/log/sqlite.ts";
import { systemClock } from "../../src/time.ts";

export const topic = "killed";
export const partitions = 3;
export const recordsPerCall = 40;
const inFlight = 4;
const valueChars = 8_000;

async function appendForever(path: string, firstCall: number): Promise<never> {
  const log = openSqliteLog({ path, clock: systemClock, fsync: true });
  await log.ensureTopics([{ topic, partitions, retentionMs: 60_000 }]);
  let call = firstCall;
  const appendOne = async () => {
    const number = call++;
    const value = utf8(`${number} `.padEnd(valueChars, "."));
    await log.append(
      Array.from({ length: partitions * recordsPerCall }, (_, i) => ({
        topic,
        partition: i % partitions,
        key: null,
        value,
      })),
    );
    writeSync(process.stdout.fd, `${number}\n`);
  };
  const worker = async (): Promise<never> => {
    for (;;) await appendOne();
  };
  return await Promise.race(Array.from({ length: inFlight }, worker));
}

if (import.meta.main) await appendForever(process.argv[2]!, Number(process.argv[3]));
