/** Handlers that write down what they are told and check the order of callbacks themselves. */
import type { GroupHandlers, LogRecord, TopicPartition } from "../../src/log/port.ts";

export type Recorder = {
  handlers: GroupHandlers;
  /** `assigned 0`, `batch 0 [3..5]`, `revoked 0` … in the order in which they began. */
  calls: string[];
  /** Offsets delivered, by partition. */
  offsets: Map<number, number[]>;
  empties: { partition: number; end: number; sentAtMs: number }[];
  errors: unknown[];
  /** Breaches of the order that the port promises. */
  breaches: string[];
  /** Partitions between `assigned` and `revoked`, `lost` or `failed`. */
  holding: Set<number>;
};

export type RecorderOptions = {
  from?: (tp: TopicPartition) => number | Promise<number>;
  onBatch?: (tp: TopicPartition, records: LogRecord[], end: number) => unknown;
  onEmpty?: (tp: TopicPartition) => unknown;
  onRevoked?: (tp: TopicPartition) => unknown;
};

export function groupRecorder(options: RecorderOptions = {}): Recorder {
  const recorder: Omit<Recorder, "handlers"> = {
    calls: [],
    offsets: new Map(),
    empties: [],
    errors: [],
    breaches: [],
    holding: new Set(),
  };
  const running = new Set<number>();

  async function during<T>(
    { partition }: TopicPartition,
    call: string,
    work: () => T | Promise<T>,
  ): Promise<T> {
    if (running.has(partition)) recorder.breaches.push(`${call} began during another callback`);
    if (!recorder.holding.has(partition)) recorder.breaches.push(`${call} without owning the partition`);
    running.add(partition);
    recorder.calls.push(call);
    try {
      return await work();
    } finally {
      running.delete(partition);
    }
  }

  const handlers: GroupHandlers = {
    assigned(tp) {
      if (recorder.holding.has(tp.partition)) recorder.breaches.push(`assigned ${tp.partition} twice`);
      recorder.holding.add(tp.partition);
      return during(tp, `assigned ${tp.partition}`, () => options.from?.(tp) ?? 0);
    },
    batch(tp, given, end) {
      const records = [...given];
      const [first, last] = [records[0]!.offset, records.at(-1)!.offset];
      const seen = recorder.offsets.get(tp.partition) ?? [];
      recorder.offsets.set(tp.partition, [...seen, ...records.map((r) => r.offset)]);
      if (end <= last) recorder.breaches.push(`batch up to ${last} says that the log ends at ${end}`);
      return during(tp, `batch ${tp.partition} [${first}..${last}]`, async () => {
        await options.onBatch?.(tp, records, end);
      });
    },
    empty(tp, at) {
      recorder.empties.push({ partition: tp.partition, ...at });
      return during(tp, `empty ${tp.partition}`, async () => {
        await options.onEmpty?.(tp);
      });
    },
    async revoked(tp) {
      await during(tp, `revoked ${tp.partition}`, () => options.onRevoked?.(tp));
      recorder.holding.delete(tp.partition);
    },
    lost(tp) {
      recorder.calls.push(`lost ${tp.partition}`);
      recorder.holding.delete(tp.partition);
    },
    failed(tp, error) {
      recorder.calls.push(`failed ${tp.partition}`);
      recorder.errors.push(error);
      recorder.holding.delete(tp.partition);
    },
  };
  return { handlers, ...recorder };
}
