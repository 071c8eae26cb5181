/**
 * Keeps the readers of one member fed: one fetch under way per broker, for all partitions it leads that want more.
 *
 * A broker holds a fetch that finds nothing for `fetchWaitMs`, which costs nothing while all is idle. But it would
 * also keep a partition that has just run dry waiting behind its idle neighbours; so while any reader is busy, a
 * fetch is held for a moment only.
 *
 * A failed fetch looks up leaders anew and tries again, for ever: whether the partition is still ours is the group's
 * concern. An answer that does not come is cut off by nodes.ts.
 */
import { messageOf } from "../../errors.ts";
import type { Clock } from "../../time.ts";
import { code, isWorthTelling, pauseMs } from "./failures.ts";
import { type Fetched, fetchFrom, type Wanted } from "./fetch.ts";
import { kafkaError } from "./library.ts";
import type { Nodes } from "./nodes.ts";
import type { KafkaReader, Sent } from "./partition_reader.ts";

export type Fetcher = {
  /** Looks at what is wanted, now. */
  wake(): void;
  close(): void;
};

export type FetcherOptions = {
  nodes: Nodes;
  clock: Clock;
  logClockMs(): number;
  /** Whether a time stated in a record's header counts as the record's. */
  recordedTimes: boolean;
  fetchWaitMs: number;
  readers(): Iterable<KafkaReader>;
  onTrouble(message: string): void;
};

const busyWaitMs = 10;
/** Of one answer, compressed: a broker goes beyond it only to hand out one whole record batch. */
const bytesMax = 1024 * 1024;
const partitionBytesMax = 256 * 1024;

type Asked = { reader: KafkaReader; offset: number };

export function startFetcher(options: FetcherOptions): Fetcher {
  const { nodes, clock, logClockMs, fetchWaitMs, recordedTimes, readers } = options;
  const over = new AbortController();
  const underWay = new Set<number>();
  const asked = new Set<KafkaReader>();
  const notBeforeMs = new WeakMap<KafkaReader, number>();
  let rotation = 0;
  let scheduled = false;
  let failures = 0;

  // A turn later, so that readers which become ready together share a fetch.
  function wake(): void {
    if (scheduled || over.signal.aborted) return;
    scheduled = true;
    void Promise.resolve().then(schedule);
  }

  async function schedule(): Promise<void> {
    const nowMs = clock.monotonicMs();
    const ready = [...readers()].filter((reader) =>
      !asked.has(reader) && reader.wanted() !== null && (notBeforeMs.get(reader) ?? 0) <= nowMs
    );
    // A partition whose leader is not known keeps no other one waiting.
    const leaders = await Promise.all(ready.map((reader) => nodes.leaderOf(reader.tp).catch(() => -1)));
    scheduled = false;
    for (const [leader, led] of Map.groupBy(ready, (_, i) => leaders[i]!)) {
      if (leader < 0) defer(led, "no leader is known");
      else if (!underWay.has(leader)) void feed(leader, led);
    }
  }

  /** Looks for the leaders of these anew, in a moment. */
  function defer(led: KafkaReader[], why: string): void {
    if (isWorthTelling(failures)) options.onTrouble(`fetching ${led.map((r) => nameOf(r.tp))}: ${why}`);
    const ms = pauseMs(failures++);
    const topics = new Set(led.map((reader) => reader.tp.topic));
    // Of a topic that is made anew one partition may be answered as ever in the moment that another one is not there.
    for (const reader of readers()) if (topics.has(reader.tp.topic)) reader.doubt();
    for (const reader of led) {
      nodes.forgetLeaders(reader.tp.topic);
      notBeforeMs.set(reader, clock.monotonicMs() + ms);
    }
    void clock.sleep(ms + 1, over.signal).then(wake);
  }

  async function feed(leader: number, led: KafkaReader[]): Promise<void> {
    underWay.add(leader);
    const [wanted, asking] = ask(led);
    try {
      const waitMs = [...readers()].some((reader) => reader.isBusy()) ? busyWaitMs : fetchWaitMs;
      const [atMs, monotonicMs] = [logClockMs(), clock.monotonicMs()];
      const fetched = await nodes.using(
        leader,
        (broker) => fetchFrom(broker, wanted, { waitMs, bytesMax, partitionBytesMax, recordedTimes }),
        waitMs,
      );
      if (over.signal.aborted) return;
      for (const answer of fetched) {
        const { reader, offset } = asking.get(nameOf(answer))!;
        give(reader, answer, { offset, atMs, monotonicMs });
      }
      failures = 0;
    } catch (error) {
      defer(led, messageOf(error));
    } finally {
      underWay.delete(leader);
      for (const { reader } of asking.values()) asked.delete(reader);
      wake();
    }
  }

  /** In turn first: the broker fills an answer in the order of the partitions asked for. */
  function ask(led: KafkaReader[]): [Wanted[], Map<string, Asked>] {
    const first = rotation++ % led.length;
    const wanted: Wanted[] = [];
    const asking = new Map<string, Asked>();
    for (const reader of [...led.slice(first), ...led.slice(0, first)]) {
      const offset = reader.wanted();
      if (offset === null || asked.has(reader)) continue;
      asked.add(reader);
      asking.set(nameOf(reader.tp), { reader, offset });
      wanted.push({ ...reader.tp, offset });
    }
    return [wanted, asking];
  }

  function give(reader: KafkaReader, fetched: Fetched, sent: Sent): void {
    if (fetched.failure !== null) reader.fail(fetched.failure);
    else if (fetched.errorCode === code.none) reader.arrived(fetched, sent);
    else {
      if (fetched.errorCode === code.offsetOutOfRange) void reader.outOfRange();
      defer([reader], kafkaError(fetched.errorCode).message);
    }
  }

  return {
    wake,
    close: () => over.abort(),
  };
}

const nameOf = ({ topic, partition }: { topic: string; partition: number }) => `${topic}/${partition}`;
