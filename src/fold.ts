/**
 * The contract between a stage and the runtime: a fold is `state' = fold(state, record)` for one partition.
 *
 * No clock, no randomness, no I/O, no look at another partition. What it wants published it puts into the outbox;
 * all of it may be published again, in other chunks, by anyone, at any time, without harm. Runtime, log and
 * snapshot code know this page only, never rides.
 */
import type { LogRecord, RecordHeaders } from "./log/port.ts";
import type { TopicName } from "./log/topics.ts";

export type { LogRecord };

/** Something to publish. Without a partition, the key chooses it. */
export type Output = {
  topic: TopicName;
  partition?: number;
  key: Uint8Array;
  value: Uint8Array;
  headers?: RecordHeaders;
};

/** Collects outputs between two flushes. */
export class Outbox {
  #outputs: Output[] = [];
  #bytes = 0;

  get records(): number {
    return this.#outputs.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  push(output: Output): void {
    this.#outputs.push(output);
    this.#bytes += output.value.length + output.key.length;
  }

  take(): Output[] {
    const taken = this.#outputs;
    this.#outputs = [];
    this.#bytes = 0;
    return taken;
  }
}

/** One entry of a fold's state: a kind and JSON values. */
export type FoldEntry = [kind: string, ...data: unknown[]];

export type FoldStatus = {
  /** Null before the first event. */
  watermarkMs: number | null;
  actors: Record<string, number>;
  /** Records passed over because nothing is known of their format. Stages that have a dead letter for them leave it out. */
  unreadable?: number;
};

export type Fold = {
  /** Takes the next record of the partition into account. */
  fold(record: LogRecord, out: Outbox): void;
  /**
   * Puts what changed since the last flush into the outbox; false when the outbox is full and there is more. Changes
   * no state that a snapshot holds.
   */
  flush(out: Outbox): boolean;
  /** Declares the source idle at `nextOffset`; after a flush. Stages that are no sources leave it out. */
  idle?(at: IdleDeclaration, out: Outbox): void;
  /** Declares the source ended: a replayed file has no more. After a flush. */
  end?(nextOffset: number, out: Outbox): void;
  /** The warm-up of a cold start is over: all held registers are to be published again. */
  markAll(): void;
  /** The whole state, as entries; nothing may be waiting for a flush. */
  entries(): Generator<FoldEntry>;
  /** Takes one entry back into an empty fold, in the order they were given. */
  restore(entry: FoldEntry): void;
  /** Where a cold start begins to count. */
  since(offset: number): void;
  /** Takes back what this stage said before, before a cold start's warm-up: records of `Stage.recalls`, partition by partition. */
  recall?(record: LogRecord): void;
  status(): FoldStatus;
  /** Log time of the oldest event first told of since this was last asked: a remark, for measuring latency. */
  takeSinceMs?(): number | null;
};

export type IdleDeclaration = {
  nextOffset: number;
  /** Log time at which the empty fetch was sent, and since the record that moved the watermark last; null: no record. */
  quiet: { forMs: number; logMs: number } | null;
};

/** A stage: which topic it reads and how a partition of it is folded. */
export type Stage<F extends Fold = Fold> = {
  name: "rides" | "locations" | "cities";
  source: TopicName;
  /** Whether its partitions hold watermarks back and so must be declared idle or ended. */
  declaresIdle: boolean;
  /** Where in each WAYMARK_FLUSH_MS it flushes, from 0 to 1: where it reads what another stage flushes, after that. */
  flushPhase: number;
  /** How much log time before the committed position a cold start folds without publishing. */
  warmUpMs: number;
  /** The topic on which it said what no warm-up is long enough to find out again: read whole by a cold start. */
  recalls?: TopicName;
  /**
   * Where it takes over from an older generation, by the time of its source's records: a cold start must be warm that
   * much earlier, since whoever reads what it publishes remembers that far back. Stages whose source is not what the
   * installation records leave it out.
   */
  takesOver?: { atMs: number | null; aheadMs: number };
  create(partition: number): F;
};
