/**
 * The records of one partition's bytes by way of kafkajs' own decoder: what ours is compared with, in what it gives
 * and in what it costs. Transactions are left out.
 */
import type { Buffer } from "node:buffer";
import { createRequire } from "node:module";
import { FieldDecoder } from "../../../../src/log/kafka/library.ts";
import { recordedAtHeader } from "../../../../src/log/kafka/record_batch.ts";
import type { LogRecord, RecordHeaders } from "../../../../src/log/port.ts";

type Decoded = {
  offset: string;
  timestamp: string;
  key: Buffer | null;
  value: Buffer | null;
  headers: Record<string, Buffer | Buffer[] | null | undefined>;
  isControlRecord: boolean;
};

const decodeRecordBatch = createRequire(import.meta.url)(
  "kafkajs/src/protocol/recordBatch/v0/decoder",
) as (decoder: InstanceType<typeof FieldDecoder>) => Promise<{ records: Decoded[] }>;

/** Of whole batches in the current format. */
export async function kafkajsRecords(bytes: Buffer, from: number): Promise<LogRecord[]> {
  const found: LogRecord[] = [];
  for (let position = 0; position < bytes.length;) {
    const size = 12 + bytes.readInt32BE(position + 8);
    const batch = await decodeRecordBatch(new FieldDecoder(bytes.subarray(position, position + size)));
    for (const record of batch.records) {
      if (Number(record.offset) >= from && !record.isControlRecord) found.push(recordOf(record));
    }
    position += size;
  }
  return found;
}

function recordOf({ offset, timestamp, key, value, headers }: Decoded): LogRecord {
  const record: LogRecord = {
    offset: Number(offset),
    timestampMs: Number(timestamp),
    key,
    value: value ?? new Uint8Array(0),
    headers: null,
  };
  for (const name in headers) {
    const given = headers[name];
    const text = (Array.isArray(given) ? given.at(-1) : given)?.toString("utf8") ?? "";
    if (name !== recordedAtHeader) (record.headers ??= {} as RecordHeaders)[name] = text;
    else if (/^\d{1,15}$/.test(text)) record.timestampMs = Number(text);
  }
  return record;
}
