package waymark.peers;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;

/**
 * Counts per (city, minute), and per (city, rider) the minutes he was seen in, one bit each of a ring.
 *
 * <p>Stream time is the greatest time of any record, and partitions are not read evenly: with the 30 s that the others
 * wait most of a backlog would be too late, so three hours are waited.
 */
final class Windows implements Processor<String, RideEvent, String, String> {
  static final String PANES = "panes";
  static final String RIDERS = "riders";
  private static final int WINDOW = Query.WINDOW_MINUTES;
  private static final long LATENESS_MINUTES = 180;
  private static final int RING =
      Integer.highestOneBit((int) LATENESS_MINUTES + 2 * WINDOW + 58) * 2;

  private ProcessorContext<String, String> context;
  /** The counts of the minute, and by how many riders the window that starts with it has more than the one before. */
  private KeyValueStore<byte[], byte[]> panes;
  private KeyValueStore<byte[], byte[]> riders;
  /** Minutes that changed since the last second. */
  private final Map<String, Set<Long>> changed = new HashMap<>();
  /** Of each city, the oldest minute that is held. */
  private final Map<String, Long> oldest = new HashMap<>();
  private final StringBuilder text = new StringBuilder();
  private long sweptBefore = Long.MIN_VALUE;

  @Override
  public void init(ProcessorContext<String, String> context) {
    this.context = context;
    panes = context.getStateStore(PANES);
    riders = context.getStateStore(RIDERS);
    // What was changed and not published before a restart is not known: everything is published once more.
    try (KeyValueIterator<byte[], byte[]> all = panes.all()) {
      all.forEachRemaining(
          pane -> {
            mark(cityOf(pane.key), numberOf(pane.key));
            oldest.merge(cityOf(pane.key), numberOf(pane.key), Math::min);
          });
    }
    context.schedule(Duration.ofSeconds(1), PunctuationType.WALL_CLOCK_TIME, at -> publish());
    context.schedule(Duration.ofMinutes(1), PunctuationType.WALL_CLOCK_TIME, at -> sweep());
  }

  @Override
  public void process(Record<String, RideEvent> record) {
    RideEvent event = record.value();
    String city = record.key();
    byte[] name = city.getBytes(StandardCharsets.UTF_8);
    long minute = Math.floorDiv(event.timeMs, 60_000L);
    if (minute < Math.floorDiv(context.currentStreamTimeMs(), 60_000L) - LATENESS_MINUTES) {
      return;
    }
    byte[] key = key(name, minute);
    long[] counts = read(panes.get(key));
    Counts.add(event, counts, 0);
    panes.put(key, bytes(counts));
    see(city, name, event.rider, minute);
    mark(city, minute);
  }

  private void see(String city, byte[] name, long rider, long minute) {
    byte[] key = key(name, rider);
    byte[] seen = riders.get(key);
    if (seen == null) {
      seen = new byte[RING / 8];
    } else if (has(seen, minute)) {
      return;
    } else {
      seen = seen.clone();
    }
    long before = minute - 1;
    while (before > minute - WINDOW && !has(seen, before)) {
      before--;
    }
    long after = minute + 1;
    while (after < minute + WINDOW && !has(seen, after)) {
      after++;
    }
    long end = Math.min(minute, after - WINDOW) + 1;
    if (before + 1 < end) {
      step(name, before + 1, 1);
      step(name, end, -1);
      oldest.merge(city, before + 1, Math::min);
    }
    int at = (int) (minute & RING - 1);
    seen[at >> 3] |= (byte) (1 << (at & 7));
    riders.put(key, seen);
  }

  private void step(byte[] name, long minute, long by) {
    byte[] key = key(name, minute);
    long[] counts = read(panes.get(key));
    counts[Counts.WIDTH] += by;
    panes.put(key, bytes(counts));
  }

  private static boolean has(byte[] seen, long minute) {
    int at = (int) (minute & RING - 1);
    return (seen[at >> 3] & 1 << (at & 7)) != 0;
  }

  private void mark(String city, long minute) {
    changed.computeIfAbsent(city, any -> new HashSet<>()).add(minute);
  }

  private void publish() {
    long now = context.currentSystemTimeMs();
    changed.forEach(
        (city, changedMinutes) -> {
          byte[] name = city.getBytes(StandardCharsets.UTF_8);
          TreeSet<Long> starts = new TreeSet<>();
          for (long minute : changedMinutes) {
            for (long start = minute - WINDOW + 1; start <= minute; start++) {
              starts.add(start);
            }
          }
          // Minutes are read once, however many of the windows they are in.
          Map<Long, long[]> minutes = new HashMap<>();
          long distinct = 0;
          long stepped = oldest.get(city);
          for (long start : starts) {
            long[] sum = new long[Counts.WIDTH];
            for (long minute = start; minute < start + WINDOW; minute++) {
              long[] counts = countsOf(name, minute, minutes);
              for (int i = 0; i < Counts.WIDTH; i++) {
                sum[i] += counts[i];
              }
            }
            for (; stepped <= start; stepped++) {
              distinct += countsOf(name, stepped, minutes)[Counts.WIDTH];
            }
            if (sum[Counts.EVENTS] > 0) {
              String line = WindowJson.of(city, start, WINDOW, sum, (int) distinct, text);
              context.forward(new Record<>(city + '|' + start, line, now));
            }
          }
        });
    changed.clear();
  }

  /** Forgets minutes that no event may change, before their bits are used again. */
  private void sweep() {
    long before = Math.floorDiv(context.currentStreamTimeMs(), 60_000L) - LATENESS_MINUTES - WINDOW;
    if (before - sweptBefore < 30 && sweptBefore != Long.MIN_VALUE) {
      return;
    }
    long from = Math.max(sweptBefore, before - RING + LATENESS_MINUTES + 2 * WINDOW);
    List<KeyValue<byte[], byte[]>> kept = new ArrayList<>();
    try (KeyValueIterator<byte[], byte[]> all = riders.all()) {
      all.forEachRemaining(
          rider -> {
            byte[] seen = rider.value.clone();
            boolean some = false;
            for (long minute = from; minute < before; minute++) {
              int at = (int) (minute & RING - 1);
              seen[at >> 3] &= (byte) ~(1 << (at & 7));
            }
            for (byte eight : seen) {
              some |= eight != 0;
            }
            kept.add(KeyValue.pair(rider.key, some ? seen : null));
          });
    }
    kept.forEach(rider -> riders.put(rider.key, rider.value));
    List<byte[]> gone = new ArrayList<>();
    Map<String, Long> steps = new HashMap<>();
    try (KeyValueIterator<byte[], byte[]> all = panes.all()) {
      all.forEachRemaining(
          pane -> {
            if (numberOf(pane.key) < before) {
              gone.add(pane.key);
              steps.merge(cityOf(pane.key), read(pane.value)[Counts.WIDTH], Long::sum);
            }
          });
    }
    gone.forEach(panes::delete);
    steps.forEach(
        (city, sum) -> {
          step(city.getBytes(StandardCharsets.UTF_8), before, sum);
          oldest.put(city, before);
        });
    sweptBefore = before;
  }

  private long[] countsOf(byte[] name, long minute, Map<Long, long[]> held) {
    return held.computeIfAbsent(minute, any -> read(panes.get(key(name, any))));
  }

  private static byte[] key(byte[] city, long number) {
    return ByteBuffer.allocate(city.length + 8).put(city).putLong(number).array();
  }

  private static String cityOf(byte[] key) {
    return new String(key, 0, key.length - 8, StandardCharsets.UTF_8);
  }

  private static long numberOf(byte[] key) {
    return ByteBuffer.wrap(key).getLong(key.length - 8);
  }

  private static long[] read(byte[] bytes) {
    long[] counts = new long[Counts.WIDTH + 1];
    if (bytes != null) {
      ByteBuffer.wrap(bytes).asLongBuffer().get(counts);
    }
    return counts;
  }

  private static byte[] bytes(long[] counts) {
    ByteBuffer into = ByteBuffer.allocate(counts.length * 8);
    into.asLongBuffer().put(counts);
    return into.array();
  }
}
