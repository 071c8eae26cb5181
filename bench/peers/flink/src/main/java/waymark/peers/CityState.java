package waymark.peers;

/**
 * A city's open windows: a ring of minutes with their counts, and a table of riders with the minutes they were seen in,
 * a bit each. A rider's first event in a minute raises the distinct count of those windows that had none of his bits.
 */
public final class CityState {
  static final int PANES = 5;
  private static final int RING = 64;
  private static final long WINDOW = (1L << PANES) - 1;

  private static final long NEVER = Long.MIN_VALUE / 2;

  /** Windows that start before it are closed. */
  private long closedBefore = NEVER;
  /** The first window with an event that is not closed. */
  private long openFrom = NEVER;
  /** The newest minute. */
  private long newest = -1;
  private final long[] counts = new long[RING * Counts.WIDTH];
  /** By the window's first minute. */
  private final int[] riders = new int[RING];
  /** Windows that changed since they were last published, by their first minute. */
  private long dirty;
  /** When the next update goes out; 0: none is due. */
  long updateAtMs;

  /** Open addressing; 0: free. */
  private long[] keys = new long[64];
  private long[] minutes = new long[64];
  private int size;

  interface Window {
    void is(long startMinute, long[] counts, int riders);
  }

  static int slot(long minute) {
    return (int) (minute & (RING - 1));
  }

  /** True when the event opened a minute; throws when it is further ahead than the ring reaches. */
  boolean add(RideEvent event) {
    long minute = Math.floorDiv(event.timeMs, 60_000L);
    if (minute < closedBefore) {
      // Behind the watermark: there are none in this workload.
      throw new IllegalStateException("an event came too late: minute " + minute + ", open from " + closedBefore);
    }
    // Partitions are not read evenly: an older minute may come after a newer one.
    if (openFrom == NEVER || minute - PANES + 1 < openFrom) {
      openFrom = Math.max(closedBefore, minute - PANES + 1);
    }
    if (minute >= openFrom + RING - PANES) {
      throw new IllegalStateException("minute " + minute + " is too far ahead of " + openFrom);
    }
    newest = Math.max(newest, minute);
    int at = slot(minute);
    boolean opened = counts[at * Counts.WIDTH] == 0;
    Counts.add(event, counts, at * Counts.WIDTH);
    see(event.rider, minute);
    dirty |= Long.rotateLeft(WINDOW, slot(minute - PANES + 1));
    return opened;
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
    long seen = minutes[at];
    long bit = 1L << minute;
    if ((seen & bit) != 0) {
      return;
    }
    for (long start = minute - PANES + 1; start <= minute; start++) {
      if ((seen & Long.rotateLeft(WINDOW, slot(start))) == 0) {
        riders[slot(start)]++;
      }
    }
    minutes[at] = seen | bit;
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
    minutes = new long[length];
    size = 0;
    for (int i = 0; i < oldKeys.length; i++) {
      if (oldKeys[i] != 0 && oldMinutes[i] != 0) {
        int at = find(oldKeys[i]);
        keys[at] = oldKeys[i];
        minutes[at] = oldMinutes[i];
        size++;
      }
    }
  }

  boolean hasChanged() {
    return dirty != 0;
  }

  /** Every window that changed since the last time. */
  void publish(Window window) {
    for (long start = openFrom; dirty != 0 && start <= newest; start++) {
      long bit = 1L << start;
      if ((dirty & bit) != 0) {
        give(start, window);
        dirty &= ~bit;
      }
    }
  }

  /** Publishes and forgets the windows that end at or before the watermark. */
  void close(long watermarkMs, Window window) {
    long gone = 0;
    while (openFrom <= newest && (openFrom + PANES) * 60_000 <= watermarkMs + 1) {
      int at = slot(openFrom);
      give(openFrom, window);
      riders[at] = 0;
      java.util.Arrays.fill(counts, at * Counts.WIDTH, (at + 1) * Counts.WIDTH, 0);
      gone |= 1L << openFrom;
      dirty &= ~(1L << openFrom);
      closedBefore = ++openFrom;
    }
    if (gone == 0) {
      return;
    }
    int left = 0;
    for (int i = 0; i < keys.length; i++) {
      minutes[i] &= ~gone;
      if (minutes[i] != 0) {
        left++;
      }
    }
    if (left * 2 < size) {
      resize(Math.max(64, Integer.highestOneBit(left * 2) * 2));
    }
  }

  private final long[] sum = new long[Counts.WIDTH];

  private void give(long start, Window window) {
    java.util.Arrays.fill(sum, 0);
    for (long minute = start; minute < start + PANES; minute++) {
      for (int i = 0; i < Counts.WIDTH; i++) {
        sum[i] += counts[slot(minute) * Counts.WIDTH + i];
      }
    }
    if (sum[Counts.EVENTS] > 0) {
      window.is(start, sum, riders[slot(start)]);
    }
  }
}
