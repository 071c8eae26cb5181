/**
 * What a source partition tells the cities: groups changed registers and closing registers by target partition.
 *
 * Traffic depends on cities and partitions, never on the event rate: nothing changed and no minute boundary
 * crossed means nothing sent. The watermark goes on the last record to each target.
 */
import type { IdleDeclaration, Outbox } from "../fold.ts";
import { utf8 } from "../ids.ts";
import { limits } from "../limits.ts";
import type { TopicName } from "../log/topics.ts";
import {
  type ClosingEntry,
  encodePartial,
  type PaneEntry,
  type Partial,
  partialFormat,
} from "../windows/partial.ts";
import type { Register } from "../windows/panes.ts";
import { paneMs, paneStart } from "../windows/settings.ts";
import { boundariesBetween, type PartitionWatermark } from "../windows/watermark.ts";
import type { StageContext } from "./context.ts";

type Slice = { panes: PaneEntry[]; closings: ClosingEntry[] };
/** What only the last record to a target carries. */
type Tail = Pick<Partial, "watermark_ms" | "idle" | "ended" | "since_ms">;

/** What a source can say about boundaries that its own watermark has not passed. */
export type Ahead = {
  watermark: PartitionWatermark;
  /** Boundaries after the watermark at which something can be open. */
  most: number;
  /** Notes the closing registers of a boundary as the state says now; the fold itself does not close it. */
  close(boundaryMs: number): void;
};

export class PartialWriter {
  readonly #context: StageContext;
  readonly #source: { topic: TopicName; partition: number };
  readonly #key: Uint8Array;
  #targets = new Map<string, number>();
  #closings: ClosingEntry[] = [];
  #toldBoundaryMs: number | null = null;
  #sinceMs: number | null = null;

  constructor(context: StageContext, topic: TopicName, partition: number) {
    this.#context = context;
    this.#source = { topic, partition };
    this.#key = utf8(`${topic}/${partition}`);
  }

  /** Closing registers waiting for a flush. */
  get pending(): number {
    return this.#closings.length;
  }

  /** Notes a closing register to be told with the next flush. */
  close(closing: ClosingEntry): void {
    this.#closings.push(closing);
  }

  /** Notes the log time of an event that the next flush is the first to tell of. */
  told(recordMs: number): void {
    this.#sinceMs ??= recordMs;
  }

  flush(registers: Register[], nextOffset: number, watermarkMs: number | null, out: Outbox): void {
    const boundaryMs = watermarkMs === null ? null : paneStart(watermarkMs);
    const crossed = boundaryMs !== this.#toldBoundaryMs;
    if (registers.length === 0 && this.#closings.length === 0 && !crossed) return;
    this.#toldBoundaryMs = boundaryMs;
    this.#send(registers, nextOffset, crossed, { watermark_ms: watermarkMs }, out);
  }

  /** Declares the source idle: the closings that its stand-in passes, and the stand-in itself, to every target. */
  idle(at: IdleDeclaration, ahead: Ahead, out: Outbox): void {
    const { watermark, most, close } = ahead;
    const standInMs = watermark.standIn(at.quiet);
    if (standInMs !== null) boundariesBetween(watermark.ms!, standInMs, most).forEach(close);
    const tail = { idle: { stand_in_ms: standInMs }, watermark_ms: watermark.ms };
    this.#send([], at.nextOffset, true, tail, out);
  }

  /** Declares the source ended: the closings of everything it still has open, and that it holds nothing back. */
  end(nextOffset: number, { watermark, most, close }: Ahead, out: Outbox): void {
    if (watermark.ms !== null) {
      boundariesBetween(watermark.ms, watermark.ms + most * paneMs, most).forEach(close);
    }
    this.#send([], nextOffset, true, { ended: true, watermark_ms: watermark.ms }, out);
  }

  #send(registers: Register[], nextOffset: number, toAll: boolean, tail: Tail, out: Outbox): void {
    const targets = this.#context.partitions["city-partials"];
    const slices = new Map<number, Slice>();
    const sliceOf = (target: number): Slice => {
      let slice = slices.get(target);
      if (slice === undefined) slices.set(target, slice = { panes: [], closings: [] });
      return slice;
    };
    for (const r of registers) {
      sliceOf(this.#target(r.city)).panes.push([
        r.city,
        r.paneStartMs,
        r.position,
        r.offset,
        trimmed(r.values),
        r.riders,
      ]);
    }
    for (const closing of this.#closings) sliceOf(this.#target(closing[0])).closings.push(closing);
    if (toAll) { for (let target = 0; target < targets; target++) sliceOf(target); }
    this.#closings = [];
    const sinceMs = this.#sinceMs;
    this.#sinceMs = null;
    for (const [target, slice] of slices) {
      this.#sendSlice(
        target,
        slice,
        nextOffset,
        sinceMs === null ? tail : { ...tail, since_ms: sinceMs },
        out,
      );
    }
  }

  #sendSlice(target: number, slice: Slice, nextOffset: number, tail: Tail, out: Outbox): void {
    const chunks = Math.max(
      1,
      Math.ceil(Math.max(slice.panes.length, slice.closings.length) / limits.partialRegistersMax),
    );
    for (let chunk = 0; chunk < chunks; chunk++) {
      const from = chunk * limits.partialRegistersMax;
      const until = from + limits.partialRegistersMax;
      out.push({
        topic: "city-partials",
        partition: target,
        key: this.#key,
        value: encodePartial({
          format: partialFormat,
          fold_version: this.#context.foldVersion,
          generation: this.#context.generation,
          log_epoch: this.#context.logEpoch,
          source: this.#source,
          next_offset: nextOffset,
          panes: slice.panes.slice(from, until),
          closings: slice.closings.slice(from, until),
          ...(tail.idle && { provisional: true as const }),
          ...(chunk === chunks - 1 ? tail : {}),
        }),
      });
    }
  }

  #target(city: string): number {
    let target = this.#targets.get(city);
    if (target === undefined) {
      target = this.#context.partitionOf("city-partials", utf8(city));
      this.#targets.set(city, target);
    }
    return target;
  }
}

/** Without the zeros at the end: most registers have no waits. */
export function trimmed(values: number[]): number[] {
  let length = values.length;
  while (length > 0 && values[length - 1] === 0) length--;
  return values.slice(0, length);
}
