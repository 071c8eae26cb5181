/**
 * What a broker has of one partition: record batches one after another, taken apart.
 *
 *   bytes ─► whole batches ─► without aborted transactions and control batches ─► records from the offset on
 *
 * The next offset is the end of the last whole batch, whatever is left of its records: compaction may have left
 * nothing of it, and it would otherwise be fetched for ever. Batches that nothing is wanted of are passed over
 * without being decompressed.
 */
import type { Buffer } from "node:buffer";
import { crc32 } from "node:zlib";
import type { LogRecord } from "../port.ts";
import { decodeMessageSet, FieldDecoder, type OldMessage } from "./library.ts";
import { RecordViews } from "./record_views.ts";
import {
  type BatchHead,
  batchHead,
  batchHeadBytes,
  malformed,
  readRecords,
  type RecordsWanted,
} from "./record_batch.ts";

export type AbortedTransaction = { producerId: bigint; firstOffset: bigint };

export type RecordSetWanted = RecordsWanted & {
  aborted: readonly AbortedTransaction[];
  /** Record batches behind so many records are left as they are. Default: none is. */
  recordsMax?: number;
};

/** Of an entry in any format: where its length and its format stand, and how long it is at least. */
const at = { length: 8, checksum: 12, format: 16 } as const;
const lengthBytes = 12;
const currentFormat = 2;
const oldHeadBytes = 26;

export async function readRecordSet(
  bytes: Buffer,
  wanted: RecordSetWanted,
): Promise<{ records: RecordViews; nextOffset: number }> {
  const records = new RecordViews();
  const transactions = abortedTransactions(wanted.aborted);
  let nextOffset = wanted.from;
  const { recordsMax = Infinity } = wanted;
  for (let position = 0; position + at.format < bytes.length && records.length < recordsMax;) {
    const format = bytes.readInt8(position + at.format);
    const size = entryBytes(bytes.readInt32BE(position + at.length), format);
    // The broker cuts the last batch off where the bytes asked for end.
    if (position + size > bytes.length) break;
    const entry = bytes.subarray(position, position + size);
    const lastOffset = format === currentFormat
      ? await readBatch(entry, { wanted, transactions, into: records })
      : await readOld(entry, { wanted, into: records });
    nextOffset = Math.max(nextOffset, lastOffset + 1);
    position += size;
  }
  return { records, nextOffset };
}

function entryBytes(length: number, format: number): number {
  if (format < 0 || format > currentFormat) throw malformed(`its format is ${format}, wanted 0, 1 or 2`);
  const size = lengthBytes + length;
  const least = format === currentFormat ? batchHeadBytes : oldHeadBytes;
  if (size < least) throw malformed(`it has ${size} bytes, wanted at least ${least}`);
  return size;
}

type Reading = { wanted: RecordsWanted; transactions: Transactions; into: RecordViews };

async function readBatch(entry: Buffer, { wanted, transactions, into }: Reading): Promise<number> {
  const head = batchHead(entry);
  const isUndone = transactions.undo(head);
  if (!isUndone && !head.isControl && head.lastOffset >= wanted.from) {
    await readRecords(entry, { head, wanted, into });
  }
  return head.lastOffset;
}

type Transactions = {
  /** Whether the batch is of a transaction that was aborted. To be asked of every batch, in order. */
  undo(head: BatchHead): boolean;
};

/**
 * What a producer wrote in an aborted transaction does not count: from its first offset to the producer's next mark,
 * which is the one that aborted it, since a producer has one transaction at a time.
 */
function abortedTransactions(aborted: readonly AbortedTransaction[]): Transactions {
  const waiting = aborted.toSorted((a, b) => a.firstOffset < b.firstOffset ? 1 : -1);
  const open = new Set<bigint>();
  return {
    undo(head) {
      while (waiting.length > 0 && waiting.at(-1)!.firstOffset <= head.lastOffset) {
        open.add(waiting.pop()!.producerId);
      }
      if (!head.isTransactional || !open.has(head.producerId)) return false;
      if (head.isControl) open.delete(head.producerId);
      return true;
    },
  };
}

/** The formats of brokers before 0.11, which newer ones still hand out where they are stored. */
async function readOld(
  entry: Buffer,
  { wanted, into }: { wanted: RecordsWanted; into: RecordViews },
): Promise<number> {
  if (crc32(entry.subarray(at.format)) !== entry.readUInt32BE(at.checksum)) {
    throw malformed("its checksum is not that of its bytes");
  }
  const messages = await decodeMessageSet(new FieldDecoder(entry), entry.length);
  if (messages.length === 0) throw malformed("none of its messages is whole");
  for (const message of messages) {
    const offset = Number(message.offset);
    if (offset >= wanted.from) into.push(recordOf(message, offset));
  }
  return Number(messages.at(-1)!.offset);
}

const nothing = new Uint8Array(0);
/** As brokers give the time of a record that has none. */
const noTimestampMs = -1;

const recordOf = ({ timestamp, key, value }: OldMessage, offset: number): LogRecord => ({
  offset,
  timestampMs: timestamp === undefined ? noTimestampMs : Number(timestamp),
  key,
  value: value ?? nothing,
  headers: null,
});
