package waymark.peers;

/** The counts of a pane, as positions in an array. */
public final class Counts {
  public static final int EVENTS = 0;
  public static final int REQUESTS = 1;
  public static final int COMPLETIONS = 2;
  public static final int CANCELLATIONS = 3;
  public static final int FARE_CENTS = 4;
  public static final int FARES = 5;
  public static final int WIDTH = 6;

  private Counts() {}

  public static void add(RideEvent event, long[] counts, int from) {
    counts[from + EVENTS]++;
    switch (event.type) {
      case RideEvent.REQUESTED -> counts[from + REQUESTS]++;
      case RideEvent.COMPLETED -> counts[from + COMPLETIONS]++;
      case RideEvent.CANCELLED -> counts[from + CANCELLATIONS]++;
      default -> {}
    }
    if (event.fareCents >= 0) {
      counts[from + FARE_CENTS] += event.fareCents;
      counts[from + FARES]++;
    }
  }
}
