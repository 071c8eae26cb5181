/**
 * The feed of one ClickHouse table: chunks of rows wait, become blocks, are inserted one block at a time in
 * offset order, and only then are their offsets committed.
 *
 *   add ──► [chunk chunk chunk] ──► block ──► insert (again and again until answered) ──► commit
 *              by rows, bytes or age               │ refused for what is in it
 *                                                  └─► halves, down to the one row at fault ──► poisoned
 *
 * A failed commit may still be under way, and set the offsets back once it arrives: then the group shows a lag that is
 * none, and retention a gap that is none. So what was committed last is committed once more a while later.
 *
 * A failure holds this table and no other. A chunk holds the rows of one batch of one partition, so that a
 * partition's offset moves past whole batches only.
 */
import type { Clock } from "../time.ts";
import { messageOf } from "../errors.ts";
import { limits } from "../limits.ts";
import type { Commit, Committed, TopicPartition } from "../log/port.ts";
import type { Analytics } from "./analytics.ts";
import type { Gap } from "./resume.ts";
import type { SinkTable } from "./rows.ts";
import { fingerprint, utf8 } from "../ids.ts";
import { metrics } from "../telemetry/metrics.ts";

/** What the sink knows of a partition it owns. */
export type PartitionProgress = {
  readonly tp: TopicPartition;
  owned: boolean;
  /** Records before it have been made into rows, or are being. */
  taken: number;
  /** Next offset to be handed to us. */
  next: number;
  committed: number;
  end: number;
  /** Log time of the record at `next`, when it is there but not fetched: a full feed holds fetching back. */
  heldBackFromMs: number | null;
  rowsInserted: number;
  /** Records that cannot be decoded: they come as dead letters. */
  recordsSkipped: number;
  rowsPoisoned: number;
  /** Records that the log had forgotten before ClickHouse got them. */
  gap: Gap | null;
};

export type Chunk = {
  partition: PartitionProgress;
  lines: string[];
  /** The source record of each line. */
  offsets: number[];
  bytes: number;
  first: number;
  next: Committed;
  arrivedMs: number;
  /** Log time of the first record. */
  logTimeMs: number;
};

/** A row that ClickHouse refuses for what is in it. */
export type PoisonRow = TopicPartition & { table: string; offset: number; line: string; message: string };

export type FeedOptions = {
  table: SinkTable;
  logEpoch: number;
  analytics: Analytics;
  clock: Clock;
  rowsMax: number;
  bytesMax: number;
  ageMs: number;
  commit(commits: Commit[]): Promise<void>;
  poisoned(row: PoisonRow): Promise<void>;
  /** Called when a full feed has room again. */
  drained(): void;
};

export type FeedStatus = {
  table: string;
  rowsWaiting: number;
  rowsInserted: number;
  blocksInserted: number;
  failures: number;
  /** Wall clock, milliseconds; null while the last attempt went well. */
  failingSinceMs: number | null;
  lastError: string | null;
  /** Log time of the oldest record that is not stored yet. */
  oldestWaitingMs: number | null;
};

export type Feed = {
  add(chunk: Chunk): void;
  /** Whether no more should be fetched for now. */
  full(): boolean;
  /** Resolves when nothing of the partition waits any longer, or at the first failure. */
  settle(partition: PartitionProgress): Promise<void>;
  /** Forgets what waits of the partition: its next owner reads it again. */
  drop(partition: PartitionProgress): void;
  stop(): Promise<void>;
  status(): FeedStatus;
  /** Log time of the partition's oldest record here that is not stored yet. */
  oldestWaitingMs(partition: PartitionProgress): number | null;
};

const backoffMsMin = 100;
const backoffMsMax = 10_000;

export function tableFeed(options: FeedOptions): Feed {
  const { table, analytics, clock, rowsMax, bytesMax, ageMs } = options;
  const stopping = new AbortController();
  let waiting: Chunk[] = [];
  let inserting: Chunk[] = [];
  let changed = Promise.withResolvers<void>();
  /** What was committed last, and when by the monotonic clock it is committed again. */
  const positions = new Map<PartitionProgress, Committed>();
  let commitAgainAtMs = Infinity;
  let settlers: { partition: PartitionProgress; done: () => void }[] = [];
  let wasFull = false;
  let rowsInserted = 0;
  let blocksInserted = 0;
  let failures = 0;
  let failure: { sinceMs: number; message: string } | null = null;

  const held = () => waiting.concat(inserting);
  const full = () => exceeds(held(), 2 * rowsMax, 2 * bytesMax);
  const holds = (partition: PartitionProgress) => held().some((chunk) => chunk.partition === partition);
  const wake = () => {
    changed.resolve();
    changed = Promise.withResolvers();
  };
  const release = () => {
    const ready = settlers.filter((s) => failure !== null || !holds(s.partition));
    settlers = settlers.filter((s) => !ready.includes(s));
    for (const settler of ready) settler.done();
  };
  const ageOf = (chunks: Chunk[]): number =>
    clock.monotonicMs() - Math.min(...chunks.map((chunk) => chunk.arrivedMs));
  const columnsMark = fingerprint(utf8(table.columns.join()));

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      const dueMs = waiting.length === 0 ? Infinity : ageMs - ageOf(waiting);
      const now = waiting.length > 0 && (settlers.length > 0 || exceeds(waiting, rowsMax, bytesMax));
      const againMs = commitAgainAtMs - clock.monotonicMs();
      if (now || dueMs <= 0) await store(takeBlock());
      else if (againMs <= 0) await commitAgain();
      else await changeOrTime(Math.min(dueMs, againMs));
    }
  }

  async function changeOrTime(ms: number): Promise<void> {
    if (ms === Infinity) return await changed.promise;
    const timer = new AbortController();
    await Promise.race([changed.promise, clock.sleep(ms, timer.signal)]);
    timer.abort();
  }

  function takeBlock(): Chunk[] {
    let count = 1;
    while (count < waiting.length && !exceeds(waiting.slice(0, count + 1), rowsMax + 1, bytesMax + 1)) {
      count++;
    }
    return waiting.splice(0, count);
  }

  async function store(block: Chunk[]): Promise<void> {
    inserting = block;
    if (await insertBlock(block) && await insist(() => commitBlock(block)) !== null) {
      blocksInserted++;
      inserting = [];
    }
    release();
    offerRoom();
  }

  function offerRoom(): void {
    if (!wasFull || exceeds(held(), rowsMax, bytesMax)) return;
    wasFull = false;
    options.drained();
  }

  /** Inserts what ClickHouse takes and hands on what it refuses; false when stopped before the end. */
  async function insertBlock(block: Chunk[]): Promise<boolean> {
    const rows = block.flatMap((chunk) =>
      chunk.lines.map((line, i) => ({ line, partition: chunk.partition, offset: chunk.offsets[i]! }))
    );
    const token = `${tokenOf(options.logEpoch, table.table, block)}/${columnsMark}`;
    const ranges: [number, number][] = [[0, rows.length]];
    for (let range = ranges.pop(); range !== undefined; range = ranges.pop()) {
      const part = rows.slice(...range);
      const lines = part.map((row) => row.line);
      const answer = await insist(() =>
        analytics.insert(table, lines, { token: `${token}[${range[0]},${range[1]})` })
      );
      if (answer === null) return false;
      if (answer.taken) {
        rowsInserted += part.length;
        for (const row of part) row.partition.rowsInserted++;
      } else if (part.length > 1) {
        const middle = range[0] + (part.length >> 1);
        ranges.push([middle, range[1]], [range[0], middle]);
      } else {
        const { partition, offset, line } = part[0]!;
        const poison = { ...partition.tp, table: table.table, offset, line, message: answer.message };
        if (await insist(() => options.poisoned(poison)) === null) return false;
        partition.rowsPoisoned++;
      }
    }
    return true;
  }

  async function commitBlock(block: Chunk[]): Promise<void> {
    await commit(new Map(block.map((chunk) => [chunk.partition, chunk.next])));
  }

  async function commitAgain(): Promise<void> {
    commitAgainAtMs = Infinity;
    await insist(() => commit(positions));
  }

  async function commit(newest: ReadonlyMap<PartitionProgress, Committed>): Promise<void> {
    const owned = [...newest].filter(([partition]) => partition.owned);
    if (owned.length === 0) return;
    try {
      await options.commit(owned.map(([{ tp }, next]) => ({ ...tp, ...next })));
    } catch (thrown) {
      commitAgainAtMs = clock.monotonicMs() + limits.commitAgainMs;
      throw thrown;
    }
    for (const [partition, next] of owned) {
      partition.committed = next.offset;
      if (partition.owned) positions.set(partition, next);
    }
  }

  /** Tries for as long as it takes; null when stopped. */
  async function insist<T>(step: () => Promise<T>): Promise<T | null> {
    for (
      let backoffMs = backoffMsMin;
      !stopping.signal.aborted;
      backoffMs = Math.min(2 * backoffMs, backoffMsMax)
    ) {
      try {
        const result = await step();
        failure = null;
        return result;
      } catch (thrown) {
        failures++;
        metrics.sinkFailures.inc({ table: table.table });
        failure = { sinceMs: failure?.sinceMs ?? clock.nowMs(), message: messageOf(thrown) };
        release();
        await clock.sleep(backoffMs, stopping.signal);
      }
    }
    return null;
  }

  const running = run();
  return {
    add(chunk) {
      const last = waiting.findLast((other) => other.partition === chunk.partition);
      if (last === undefined || !join(last, chunk)) waiting.push(chunk);
      wasFull ||= full();
      if (waiting.length === 1 || exceeds(waiting, rowsMax, bytesMax)) wake();
    },
    full,
    async settle(partition) {
      if (failure !== null || !holds(partition)) return;
      const settled = Promise.withResolvers<void>();
      settlers.push({ partition, done: settled.resolve });
      wake();
      await settled.promise;
    },
    drop(partition) {
      waiting = waiting.filter((chunk) => chunk.partition !== partition);
      positions.delete(partition);
      release();
      offerRoom();
      wake();
    },
    async stop() {
      stopping.abort();
      wake();
      await running;
    },
    status: () => ({
      table: table.table,
      rowsWaiting: rowCount(held()),
      rowsInserted,
      blocksInserted,
      failures,
      failingSinceMs: failure?.sinceMs ?? null,
      lastError: failure?.message ?? null,
      oldestWaitingMs: oldestOf(held()),
    }),
    oldestWaitingMs: (partition) => oldestOf(held().filter((chunk) => chunk.partition === partition)),
  };
}

/** Puts a small batch behind the one before it of the same partition, so that the chunks stay few. */
function join(chunk: Chunk, more: Chunk): boolean {
  if (chunk.lines.length + more.lines.length > limits.fetchRecordsMax) return false;
  chunk.lines.push(...more.lines);
  chunk.offsets.push(...more.offsets);
  chunk.bytes += more.bytes;
  chunk.next = more.next;
  return true;
}

const oldestOf = (chunks: Chunk[]): number | null =>
  chunks.length === 0 ? null : Math.min(...chunks.map((chunk) => chunk.logTimeMs));

const rowCount = (chunks: Chunk[]): number => chunks.reduce((sum, chunk) => sum + chunk.lines.length, 0);

const exceeds = (chunks: Chunk[], rows: number, bytes: number): boolean =>
  rowCount(chunks) >= rows || chunks.reduce((sum, chunk) => sum + chunk.bytes, 0) >= bytes;

/**
 * Names exactly the rows of a block: a repetition of the same block has the same token, no other block has. ClickHouse
 * lets a block under a used token vanish, so records of a topic that was created again, and what another release makes
 * of the same records, must differ: hence the last record's fingerprint, and with the table's columns in the feed.
 */
function tokenOf(logEpoch: number, table: string, block: Chunk[]): string {
  const ranges = block.map(({ partition: { tp }, first, next }) =>
    `${tp.partition}:${first}-${next.offset}:${next.metadata}`
  );
  return `${table}/${logEpoch}/${block[0]?.partition.tp.topic ?? ""}/${ranges.join(",")}`;
}
