/**
 * The way in of a source partition: every record ends in exactly one line of the ledger.
 *
 *   record ─► rejected ───────────────► dead_lettered   (dead-letters: original bytes, reason, source)
 *          ─► event ─► known already ─► duplicates
 *                   ─► behind, pane closed ─► too_late   (late-events, reason too_late)
 *                   ─► applied ────────► counted         (behind but in time: also late-events, reason late)
 */
import type { LogRecord, Outbox } from "../fold.ts";
import { invariant } from "../invariant.ts";
import { limits } from "../limits.ts";
import type { TopicName } from "../log/topics.ts";
import type { Rejection } from "../codec/rejection.ts";
import { messageOf, WaymarkError } from "../errors.ts";
import { isoTime } from "../time.ts";
import { utf8 } from "../ids.ts";
import { checkLedger, type Ledger, newLedger } from "../windows/ledger.ts";
import { PartitionWatermark } from "../windows/watermark.ts";
import type { StageContext } from "./context.ts";
import { isPublished } from "./cut.ts";

const noKey = new Uint8Array(0);

/** Why the last refused event of an actor was refused. */
export type Refused = { code: string; offset: number; atMs: number };

export class Intake {
  readonly watermark: PartitionWatermark;
  ledger: Ledger = newLedger();
  /** Records in a row on which the handler threw. */
  failures = 0;
  readonly #topic: TopicName;
  readonly #partition: number;
  readonly #context: StageContext;

  constructor(context: StageContext, topic: TopicName, partition: number) {
    this.#context = context;
    this.#topic = topic;
    this.#partition = partition;
    this.watermark = new PartitionWatermark(context.windows);
  }

  /** Counts the record and whether its key belongs on this partition. */
  read(actorId: string | null): void {
    this.ledger.read++;
    if (actorId !== null && this.#context.partitionOf(this.#topic, utf8(actorId)) !== this.#partition) {
      this.ledger.misplaced++;
    }
  }

  /** The same of an id that stands in the record's value. Mostly it is the record's key as well. */
  readBytes({ key, value }: LogRecord, from: number, to: number): void {
    this.ledger.read++;
    const id = key !== null && isIn(key, value, from, to) ? key : value.subarray(from, to);
    if (this.#context.partitionOf(this.#topic, id) !== this.#partition) this.ledger.misplaced++;
  }

  counted(): void {
    this.ledger.counted++;
    this.failures = 0;
  }

  duplicate(): void {
    this.ledger.duplicates++;
  }

  /** Publishes the original bytes with the reason; the partition moves on. */
  deadLetter(record: LogRecord, rejection: Rejection, out: Outbox): void {
    this.ledger.dead_lettered++;
    if (!isPublished(this.#context.cut, record.timestampMs)) return;
    out.push({
      topic: "dead-letters",
      key: record.key ?? noKey,
      value: record.value.slice(),
      headers: {
        ...this.#source(record),
        reason: rejection.code,
        field: rejection.field ?? "",
        message: rejection.message,
      },
    });
  }

  /** Refuses an event that is further ahead of its record's time than the setting allows. */
  tooEarly(record: LogRecord, eventMs: number, out: Outbox): void {
    const aheadMs = eventMs - record.timestampMs;
    const message =
      `timestamp is ${aheadMs} ms ahead of the record's time; allowed: at most ${this.#context.windows.skewMs}`;
    this.deadLetter(record, { code: "event_time_future", field: "timestamp", message }, out);
  }

  /** Publishes an event that came behind the watermark; `too_late` ones are not applied. */
  late(record: LogRecord, eventMs: number, reason: "late" | "too_late", out: Outbox): void {
    if (reason === "late") this.ledger.late++;
    else this.ledger.too_late++;
    if (!isPublished(this.#context.cut, record.timestampMs)) return;
    const lateMs = this.watermark.ms! - eventMs;
    out.push({
      topic: "late-events",
      key: record.key ?? noKey,
      value: record.value.slice(),
      headers: {
        ...this.#source(record),
        reason,
        late_ms: String(lateMs),
        event_time: isoTime(eventMs),
        message: `${Math.round(lateMs / 1_000)} s behind the watermark`,
      },
    });
  }

  /**
   * A handler that threw before its first write costs its record, not the partition; one that throws on record
   * after record is a bug of ours and stops the partition instead of flooding the dead letters.
   */
  handlerThrew(record: LogRecord, thrown: unknown, out: Outbox): void {
    if (thrown instanceof WaymarkError && thrown.code === "invariant_broken") throw thrown;
    if (++this.failures >= limits.handlerFailuresMax) {
      throw new WaymarkError(
        "handler_failing",
        `the handler threw on ${this.failures} records in a row, last at ${this.#topic}/${this.#partition}/${record.offset}: ${
          messageOf(thrown)
        }`,
        { cause: thrown },
      );
    }
    this.deadLetter(record, { code: "handler_failed", field: null, message: messageOf(thrown) }, out);
  }

  /** Every record ends in one line of the ledger. */
  check(): void {
    checkLedger(this.ledger);
    invariant(this.ledger.late <= this.ledger.counted, "late is a part of counted");
  }

  /** Names the record for good: an offset alone comes again with the next epoch, and a remark with the next generation. */
  #source(record: LogRecord): Record<string, string> {
    return {
      source_topic: this.#context.topicPrefix + this.#topic,
      source_partition: String(this.#partition),
      source_offset: String(record.offset),
      source_timestamp: isoTime(record.timestampMs),
      log_epoch: String(this.#context.logEpoch),
      generation: String(this.#context.generation),
    };
  }
}

function isIn(key: Uint8Array, value: Uint8Array, from: number, to: number): boolean {
  if (key.length !== to - from) return false;
  for (let i = 0; i < key.length; i++) if (key[i] !== value[from + i]) return false;
  return true;
}
