package waymark.peers;

import java.util.Arrays;

/**
 * A city's open windows: a ring of minutes with their counts, and a table of riders with the minutes they were seen in,
 * a bit each. A rider's first event in a minute raises the distinct count of the windows between his minute before it
 * and his minute after it, whatever the length of a window: counts are kept as steps from one window to the next.
 */
public final class CityState {
  static final int PANES = Query.WINDOW_MINUTES;
  /** Of longer windows those are published with every update that end within so many minutes. */
  private static final int UPDATED = 5;
  /** Closed minutes that may still have bits: the table is swept when there are more. */
  private static final int SWEPT_AFTER = PANES <= UPDATED ? 0 : PANES / 4;
  /** An hour ahead of the windows that are open. */
  private static final int RING =
      Math.max(64, Integer.highestOneBit(PANES + SWEPT_AFTER + 58) * 2);
  private static final int WORDS = RING / 64;

  private static final long NEVER = Long.MIN_VALUE / 2;

  /** Windows that start before it are closed. */
  private long closedBefore = NEVER;
  /** The first window with an event that is not closed. */
  private long openFrom = NEVER;
  /** Bits of minutes before it are gone. */
  private long sweptBefore = NEVER;
  /** The newest minute. */
  private long newest = -1;
  private final long[] counts = new long[RING * Counts.WIDTH];
  /** By a window's first minute: by how many riders it has more than the window before. */
  private final int[] steps = new int[RING];
  /** Minutes that changed since the last update, a bit each. */
  private final long[] dirty = new long[WORDS];
  private boolean changed;
  /** When the next update goes out; 0: none is due. */
  long updateAtMs;
  /** When the next window closes, of those that a timer is set for; 0: none is. */
  long closeAtMs;

  /** Open addressing; 0: free. */
  private long[] keys = new long[64];
  private long[] minutes = new long[64 * WORDS];
  private int size;

  interface Window {
    void is(long startMinute, long[] counts, int riders);
  }

  private static int slot(long minute) {
    return (int) (minute & (RING - 1));
  }

  /** Throws when the event is further ahead than the ring reaches. */
  void add(RideEvent event) {
    long minute = Math.floorDiv(event.timeMs, 60_000L);
    if (minute < closedBefore) {
      // Behind the watermark: there are none in this workload.
      throw new IllegalStateException("an event came too late: minute " + minute + ", open from " + closedBefore);
    }
    // Partitions are not read evenly: an older minute may come after a newer one.
    if (openFrom == NEVER || minute - PANES + 1 < openFrom) {
      openFrom = Math.max(closedBefore, minute - PANES + 1);
    }
    if (minute >= openFrom + RING - SWEPT_AFTER - 1) {
      throw new IllegalStateException("minute " + minute + " is too far ahead of " + openFrom);
    }
    newest = Math.max(newest, minute);
    int at = slot(minute);
    Counts.add(event, counts, at * Counts.WIDTH);
    see(event.rider, minute);
    dirty[at >> 6] |= 1L << at;
    changed = true;
  }

  private void see(long rider, long minute) {
    int at = find(rider);
    if (keys[at] == 0) {
      if (++size * 3 > keys.length * 2) {
        resize(keys.length * 2);
        size++;
        at = find(rider);
      }
      keys[at] = rider;
    }
    int words = at * WORDS;
    int bit = slot(minute);
    if ((minutes[words + (bit >> 6)] & 1L << bit) != 0) {
      return;
    }
    long from = Math.max(openFrom, before(words, minute) + 1);
    long to = Math.min(minute, after(words, minute) - PANES);
    if (from <= to) {
      steps[slot(from)]++;
      steps[slot(to + 1)]--;
    }
    minutes[words + (bit >> 6)] |= 1L << bit;
  }

  /** The rider's newest minute before this one, as far as a window reaches. */
  private long before(int words, long minute) {
    long least = Math.max(minute - PANES, openFrom - 1);
    for (long at = minute - 1; at > least; ) {
      int bit = slot(at);
      // The bits up to this one, the newest first.
      long left = minutes[words + (bit >> 6)] << 63 - (bit & 63);
      int skipped = Long.numberOfLeadingZeros(left);
      if (skipped <= (bit & 63)) {
        return Math.max(least, at - skipped);
      }
      at -= (bit & 63) + 1;
    }
    return least;
  }

  /** The rider's oldest minute after this one, as far as a window reaches. */
  private long after(int words, long minute) {
    long most = minute + PANES;
    for (long at = minute + 1; at < most && at <= newest; ) {
      int bit = slot(at);
      long left = minutes[words + (bit >> 6)] >>> (bit & 63);
      if (left != 0) {
        return Math.min(most, at + Long.numberOfTrailingZeros(left));
      }
      at += 64 - (bit & 63);
    }
    return most;
  }

  private int find(long rider) {
    int mask = keys.length - 1;
    int at = (int) (rider ^ (rider >>> 32)) & mask;
    while (keys[at] != 0 && keys[at] != rider) {
      at = (at + 1) & mask;
    }
    return at;
  }

  private void resize(int length) {
    long[] oldKeys = keys;
    long[] oldMinutes = minutes;
    keys = new long[length];
    minutes = new long[length * WORDS];
    size = 0;
    for (int i = 0; i < oldKeys.length; i++) {
      if (oldKeys[i] != 0 && isSeen(oldMinutes, i)) {
        int at = find(oldKeys[i]);
        keys[at] = oldKeys[i];
        System.arraycopy(oldMinutes, i * WORDS, minutes, at * WORDS, WORDS);
        size++;
      }
    }
  }

  private static boolean isSeen(long[] minutes, int rider) {
    for (int word = rider * WORDS; word < (rider + 1) * WORDS; word++) {
      if (minutes[word] != 0) {
        return true;
      }
    }
    return false;
  }

  /** When the first open window ends; 0: none is open. */
  long endsAtMs() {
    return openFrom != NEVER && openFrom <= newest ? (openFrom + PANES) * 60_000 - 1 : 0;
  }

  /** Every window that changed since the last time, and does not end much later than the newest event. */
  void publish(Window window) {
    if (!changed) {
      return;
    }
    int dirtyIn = 0;
    for (long minute = openFrom; minute < openFrom + PANES - 1; minute++) {
      dirtyIn += isDirty(minute);
    }
    int riders = 0;
    for (long start = openFrom; start <= Math.min(newest, newest - PANES + UPDATED); start++) {
      dirtyIn += isDirty(start + PANES - 1);
      riders += steps[slot(start)];
      if (dirtyIn > 0) {
        give(start, riders, window);
      }
      dirtyIn -= isDirty(start);
    }
    Arrays.fill(dirty, 0);
    changed = false;
  }

  private int isDirty(long minute) {
    int at = slot(minute);
    return (int) (dirty[at >> 6] >>> at & 1);
  }

  /** Publishes and forgets the windows that end at or before the watermark. */
  void close(long watermarkMs, Window window) {
    long first = openFrom;
    while (openFrom <= newest && (openFrom + PANES) * 60_000 <= watermarkMs + 1) {
      int at = slot(openFrom);
      give(openFrom, steps[at], window);
      steps[slot(openFrom + 1)] += steps[at];
      steps[at] = 0;
      Arrays.fill(counts, at * Counts.WIDTH, (at + 1) * Counts.WIDTH, 0);
      dirty[at >> 6] &= ~(1L << at);
      closedBefore = ++openFrom;
    }
    if (sweptBefore == NEVER) {
      sweptBefore = first;
    }
    if (openFrom > first && openFrom - sweptBefore > SWEPT_AFTER) {
      sweep();
    }
  }

  private void sweep() {
    long[] kept = new long[WORDS];
    for (long minute = openFrom; minute <= newest; minute++) {
      kept[slot(minute) >> 6] |= 1L << slot(minute);
    }
    sweptBefore = openFrom;
    int left = 0;
    for (int i = 0; i < keys.length; i++) {
      for (int word = 0; word < WORDS; word++) {
        minutes[i * WORDS + word] &= kept[word];
      }
      if (isSeen(minutes, i)) {
        left++;
      }
    }
    if (left * 2 < size) {
      resize(Math.max(64, Integer.highestOneBit(left * 2) * 2));
    }
  }

  private final long[] sum = new long[Counts.WIDTH];

  private void give(long start, int riders, Window window) {
    Arrays.fill(sum, 0);
    for (long minute = start; minute < start + PANES; minute++) {
      for (int i = 0; i < Counts.WIDTH; i++) {
        sum[i] += counts[slot(minute) * Counts.WIDTH + i];
      }
    }
    if (sum[Counts.EVENTS] > 0) {
      window.is(start, sum, riders);
    }
  }
}
