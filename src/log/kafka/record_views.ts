/**
 * Records as places in the bytes that a broker sent: each is made when it is asked for, and anew each time.
 *
 * A fetch brings thousands of records, which wait for their partition's turn. As objects they would be there for many
 * collections of the young generation, and be copied by each; as numbers they cost none of it, and a record that is
 * made right before it is folded is gone by the next one.
 */
import type { LogRecord, LogRecords, RecordHeaders } from "../port.ts";

/** Numbers of a record, and which is which; a key of length -1 is none. */
const fields = { offset: 0, timestampMs: 1, keyAt: 2, keyLength: 3, valueAt: 4, valueLength: 5, buffer: 6 };
const perRecord = 7;
const firstRecords = 16;

export class RecordViews implements LogRecords {
  length = 0;
  #numbers = new Float64Array(firstRecords * perRecord);
  readonly #buffers: ArrayBufferLike[] = [];
  /** Those that cannot be told by numbers: with headers, or of an old format. */
  #made: Map<number, LogRecord> | null = null;

  /** The next records are in this buffer; at most so many. */
  begin(buffer: ArrayBufferLike, recordsMax: number): void {
    this.#buffers.push(buffer);
    this.#reserve(recordsMax);
  }

  /** A record of the buffer that was begun last, and where its bytes are in it. */
  add(
    offset: number,
    timestampMs: number,
    keyAt: number,
    keyLength: number,
    valueAt: number,
    valueLength: number,
  ): void {
    this.#reserve(1);
    const numbers = this.#numbers;
    const at = perRecord * this.length++;
    numbers[at + fields.offset] = offset;
    numbers[at + fields.timestampMs] = timestampMs;
    numbers[at + fields.keyAt] = keyAt;
    numbers[at + fields.keyLength] = keyLength;
    numbers[at + fields.valueAt] = valueAt;
    numbers[at + fields.valueLength] = valueLength;
    numbers[at + fields.buffer] = this.#buffers.length - 1;
  }

  /** What stands in the headers of the record that was added last. */
  describeLast(headers: RecordHeaders | null, timestampMs: number): void {
    const last = this.length - 1;
    this.#numbers[perRecord * last + fields.timestampMs] = timestampMs;
    if (headers !== null) (this.#made ??= new Map()).set(last, { ...this.at(last)!, headers });
  }

  /** A record as it is. */
  push(record: LogRecord): void {
    (this.#made ??= new Map()).set(this.length, record);
    this.#reserve(1);
    this.length++;
  }

  at(index: number): LogRecord | undefined {
    const place = index < 0 ? this.length + index : index;
    if (place < 0 || place >= this.length) return undefined;
    const made = this.#made?.get(place);
    if (made !== undefined) return made;
    const numbers = this.#numbers;
    const at = perRecord * place;
    const buffer = this.#buffers[numbers[at + fields.buffer]!]!;
    const keyLength = numbers[at + fields.keyLength]!;
    return {
      offset: numbers[at + fields.offset]!,
      timestampMs: numbers[at + fields.timestampMs]!,
      key: keyLength < 0 ? null : new Uint8Array(buffer, numbers[at + fields.keyAt], keyLength),
      value: new Uint8Array(buffer, numbers[at + fields.valueAt], numbers[at + fields.valueLength]),
      headers: null,
    };
  }

  *[Symbol.iterator](): Iterator<LogRecord> {
    for (let i = 0; i < this.length; i++) yield this.at(i)!;
  }

  #reserve(more: number): void {
    const wanted = perRecord * (this.length + more);
    if (wanted <= this.#numbers.length) return;
    const larger = new Float64Array(Math.max(wanted, 2 * this.#numbers.length));
    larger.set(this.#numbers.subarray(0, perRecord * this.length));
    this.#numbers = larger;
  }
}

/** Some of the records, from one place up to before another. */
export class RecordRange implements LogRecords {
  readonly length: number;
  readonly #of: LogRecords;
  readonly #from: number;

  constructor(of: LogRecords, from: number, to: number) {
    this.#of = of;
    this.#from = from;
    this.length = to - from;
  }

  at(index: number): LogRecord | undefined {
    const place = index < 0 ? this.length + index : index;
    return place < 0 || place >= this.length ? undefined : this.#of.at(this.#from + place);
  }

  *[Symbol.iterator](): Iterator<LogRecord> {
    for (let i = 0; i < this.length; i++) yield this.#of.at(this.#from + i)!;
  }
}
