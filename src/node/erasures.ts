/**
 * Topic `erasures`, as every process knows it: who is to be forgotten, and which store has forgotten whom.
 *
 *   POST /v1/erasures ─► erase {pseudonym, hash of the rider} ─► read by every process, before it folds anything
 *                        applied {pseudonym, store}           ◄─ by whoever owns the store (erase_work.ts)
 *
 * Read from its first record at the start and followed from then on, by no group. Both kinds may be written twice.
 * The rider's id itself is written nowhere.
 */
import { type ErasureRecord, erasureRecord, type ErasureView } from "../../schemas/erasure.ts";
import { type Erased, type ErasedRider, erasedSet, riderHash } from "../erased.ts";
import { WaymarkError } from "../errors.ts";
import { fromUtf8, utf8 } from "../ids.ts";
import { limits } from "../limits.ts";
import type { Log, LogRecord } from "../log/port.ts";
import { readNext } from "../log/read_next.ts";
import { type Clock, isoTime, secondMs } from "../time.ts";
import { sliceTurn } from "../turns.ts";

export type ErasuresOptions = {
  log: Log;
  clock: Clock;
  topic: string;
  node: string;
  /** How long the log keeps what names riders. */
  keptMs: number;
};

export type Applied = { store: string; node: string; at: string };

export type Erasures = {
  erased: Erased;
  /** Resolves when the log has it and this process has read it back; a rider that is erased already stays so. */
  erase(userId: string, by: string): Promise<string>;
  /** Of these riders the store holds nothing any more. */
  apply(store: string, riders: readonly ErasedRider[]): Promise<void>;
  /** The riders that a store has not said to have forgotten. */
  owing(store: string): ErasedRider[];
  /** Newest first; `stores` are those that must have applied it. */
  view(stores: readonly string[], most: number): { erasures: ErasureView[]; total: number };
  find(id: string, stores: readonly string[]): ErasureView | null;
  /** Called at once, before anything else happens, whenever a rider is to be forgotten. */
  onErase(listener: () => void): void;
  stop(): Promise<void>;
};

type Erasure = { rider: ErasedRider; atMs: number; by: string; applied: Map<string, Applied> };

const retryMs = secondMs;

/** Resolves once everything in the topic has been read. */
export async function startErasures(options: ErasuresOptions): Promise<Erasures> {
  const { log, clock, topic, node } = options;
  const erased = erasedSet();
  const known = new Map<string, Erasure>();
  /** Read before its erasure was, or of a rider erased twice at once, of which only the first counts. */
  const early = new Map<string, Map<string, Applied>>();
  const listeners: (() => void)[] = [];
  const waiting = new Set<() => void>();
  const stopping = new AbortController();
  const next = (await log.bounds(topic)).map(({ start }) => start);

  function take(record: LogRecord): void {
    const read = parse(record);
    if (read === null) return;
    if (read.kind === "applied") {
      const applied = known.get(read.id)?.applied ?? early.get(read.id) ?? new Map<string, Applied>();
      applied.set(read.store, { store: read.store, node: read.node, at: read.at });
      if (!known.has(read.id)) early.set(read.id, applied);
      return;
    }
    const rider = { rider: read.rider, pseudonym: read.id };
    if (known.size >= limits.erasuresMax || !erased.add(rider)) return;
    const applied = early.get(read.id) ?? new Map<string, Applied>();
    early.delete(read.id);
    known.set(read.id, { rider, atMs: Date.parse(read.at), by: read.by, applied });
    for (const listener of listeners) listener();
  }

  async function readOn(): Promise<void> {
    for (let partition = 0; partition < next.length; partition++) {
      for (;;) {
        const records = await readNext(log, { topic, partition }, next[partition]!);
        if (records.length === 0) break;
        for (const record of records) {
          next[partition] = record.offset + 1;
          take(record);
        }
        await sliceTurn(clock);
      }
    }
    for (const wake of waiting) wake();
  }

  async function follow(): Promise<void> {
    while (!stopping.signal.aborted) {
      // Waiting begins before reading: an append in between ends the wait at once instead of being missed.
      const appended = log.appended(topic, stopping.signal);
      try {
        await readOn();
      } catch {
        await clock.sleep(retryMs, stopping.signal);
        continue;
      }
      await appended;
    }
  }

  const append = (records: readonly ErasureRecord[]): Promise<void> =>
    log.append(records.map((record) => ({
      topic,
      partition: 0,
      key: utf8(record.id),
      value: utf8(JSON.stringify(record)),
    })));

  async function readBack(userId: string): Promise<string> {
    for (;;) {
      const pseudonym = erased.pseudonymOf(userId);
      if (pseudonym !== null) return pseudonym;
      const read = Promise.withResolvers<void>();
      waiting.add(read.resolve);
      stopping.signal.throwIfAborted();
      await read.promise.finally(() => waiting.delete(read.resolve));
    }
  }

  function viewOf({ rider, atMs, by, applied }: Erasure, stores: readonly string[]): ErasureView {
    const pending = stores.filter((store) => !applied.has(store));
    return {
      erasure_id: rider.pseudonym,
      requested_at: isoTime(atMs),
      requested_by: by,
      complete: pending.length === 0,
      pending,
      applied: [...applied.values()],
      log_keeps_until: isoTime(atMs + options.keptMs),
    };
  }

  await readOn();
  const following = follow();
  return {
    erased,
    async erase(userId, by) {
      const before = erased.pseudonymOf(userId);
      if (before !== null) return before;
      if (known.size >= limits.erasuresMax) {
        throw new WaymarkError(
          "log_unavailable",
          `${known.size} riders are erased; allowed: no more at once`,
        );
      }
      const id = `erased-${crypto.randomUUID().replaceAll("-", "")}`;
      const at = isoTime(clock.nowMs());
      await append([{ format: 1, kind: "erase", id, rider: riderHash(userId), at, by }]);
      return await readBack(userId);
    },
    async apply(store, riders) {
      const at = isoTime(clock.nowMs());
      const records = riders.map(({ pseudonym: id }) =>
        ({ format: 1, kind: "applied", id, store, node, at }) as const
      );
      for (let from = 0; from < records.length; from += limits.appendRecordsMax) {
        await append(records.slice(from, from + limits.appendRecordsMax));
      }
    },
    owing: (store) => [...known.values()].filter(({ applied }) => !applied.has(store)).map((e) => e.rider),
    view: (stores, most) => ({
      erasures: [...known.values()].slice(-most).reverse().map((erasure) => viewOf(erasure, stores)),
      total: known.size,
    }),
    find(id, stores) {
      const erasure = known.get(id);
      return erasure === undefined ? null : viewOf(erasure, stores);
    },
    onErase: (listener) => void listeners.push(listener),
    async stop() {
      stopping.abort();
      for (const wake of waiting) wake();
      await following;
    },
  };
}

function parse(record: LogRecord): ErasureRecord | null {
  try {
    return erasureRecord.safeParse(JSON.parse(fromUtf8(record.value))).data ?? null;
  } catch {
    return null;
  }
}
