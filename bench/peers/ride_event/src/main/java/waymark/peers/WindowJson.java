package waymark.peers;

/** A window as a line of JSON, in the names of `analytics-aggregated`. */
public final class WindowJson {
  private WindowJson() {}

  public static String of(
      String city, long startMinute, int panes, long[] counts, int riders, StringBuilder into) {
    into.setLength(0);
    into.append("{\"city\":\"").append(city)
        .append("\",\"window_start\":").append(startMinute * 60_000)
        .append(",\"window_end\":").append((startMinute + panes) * 60_000)
        .append(",\"total_events\":").append(counts[Counts.EVENTS])
        .append(",\"requests\":").append(counts[Counts.REQUESTS])
        .append(",\"completions\":").append(counts[Counts.COMPLETIONS])
        .append(",\"cancellations\":").append(counts[Counts.CANCELLATIONS])
        .append(",\"avg_fare\":");
    if (counts[Counts.FARES] == 0) {
      into.append("null");
    } else {
      into.append(Math.round((double) counts[Counts.FARE_CENTS] / counts[Counts.FARES]) / 100.0);
    }
    return into.append(",\"unique_riders\":").append(riders).append('}').toString();
  }
}
