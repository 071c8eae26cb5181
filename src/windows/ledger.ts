/**
 * The ledger of a source partition: `read = counted + duplicates + too_late + dead_lettered`, always.
 *
 * It is fold state, so it survives crashes exactly: after a restore it stands where the snapshot's offset stands.
 */
import { invariant } from "../invariant.ts";

export type Ledger = {
  /** The offset counting began at: 0, or where a cold start began. */
  since_offset: number;
  read: number;
  counted: number;
  duplicates: number;
  too_late: number;
  dead_lettered: number;
  /** Part of counted: behind the watermark when it came. */
  late: number;
  /** On another partition than its key hashes to; processed all the same. */
  misplaced: number;
  /** Actors that had to leave before their time because of limits.ridesPerPartitionMax. */
  evicted_by_cap: number;
};

export function newLedger(sinceOffset = 0): Ledger {
  return {
    since_offset: sinceOffset,
    read: 0,
    counted: 0,
    duplicates: 0,
    too_late: 0,
    dead_lettered: 0,
    late: 0,
    misplaced: 0,
    evicted_by_cap: 0,
  };
}

export function checkLedger(ledger: Ledger): void {
  const sum = ledger.counted + ledger.duplicates + ledger.too_late + ledger.dead_lettered;
  invariant(ledger.read === sum, () => `the ledger does not add up: ${JSON.stringify(ledger)}`);
}

/** The sum of ledgers; `since_offset` is dropped, it means something per partition only. */
export function sumLedgers(ledgers: readonly Ledger[]): Omit<Ledger, "since_offset"> {
  const { since_offset: _, ...total } = newLedger();
  for (const ledger of ledgers) {
    for (const key of Object.keys(total) as (keyof typeof total)[]) total[key] += ledger[key];
  }
  return total;
}
