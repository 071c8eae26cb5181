/**
 * Keeps source partitions together in event time while they catch up, so that none fills the cities' memory with
 * panes far ahead of the slowest. What a partition may be ahead is a setting; one that has nothing to read does
 * not count as slow.
 */

export type Alignment = {
  /** Says where a partition is and whether it still has something to read. */
  report(name: string, watermarkMs: number | null, moving: boolean): void;
  forget(name: string): void;
  /** Whether the partition is so far ahead that it should wait. */
  isAhead(name: string): boolean;
};

export function createAlignment(alignMs: number): Alignment {
  const positions = new Map<string, { watermarkMs: number; moving: boolean }>();
  return {
    report(name, watermarkMs, moving) {
      if (watermarkMs !== null) positions.set(name, { watermarkMs, moving });
    },
    forget: (name) => void positions.delete(name),
    isAhead(name) {
      const own = positions.get(name);
      if (own === undefined) return false;
      for (const [other, { watermarkMs, moving }] of positions) {
        if (moving && other !== name && own.watermarkMs - watermarkMs > alignMs) return true;
      }
      return false;
    },
  };
}
