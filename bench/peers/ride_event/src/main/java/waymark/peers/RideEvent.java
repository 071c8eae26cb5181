package waymark.peers;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.time.LocalDate;

/**
 * The five fields of a ride event that the query needs, read from JSON as a stream: no tree, no text for what is not
 * wanted. Public fields and a constructor without arguments, so that Flink's own serializer takes it.
 */
public final class RideEvent {
  public static final byte OTHER = 0;
  public static final byte REQUESTED = 1;
  public static final byte COMPLETED = 2;
  public static final byte CANCELLED = 3;

  public String city;
  public long timeMs;
  public byte type;
  /** 64 bits of the rider's id; two riders of one hash are as unlikely as in Waymark, which keeps riders so, too. */
  public long rider;
  /** -1: none. */
  public long fareCents;

  private static final JsonFactory JSON = new JsonFactory();

  /** Fills `into`; throws when the value is no JSON object. */
  public static void parse(byte[] value, RideEvent into) throws IOException {
    into.fareCents = -1;
    into.type = OTHER;
    try (JsonParser parser = JSON.createParser(value)) {
      if (parser.nextToken() != JsonToken.START_OBJECT) {
        throw new IOException("the value is no object");
      }
      for (String name = parser.nextFieldName(); name != null; name = parser.nextFieldName()) {
        JsonToken token = parser.nextToken();
        switch (name) {
          case "event_type" -> into.type = typeOf(parser.getText());
          case "timestamp" -> into.timeMs = timeOf(parser);
          case "city" -> into.city = parser.getText();
          case "user_id" -> into.rider = hashOf(parser);
          case "estimated_fare" -> into.fareCents = Math.round(parser.getDoubleValue() * 100);
          default -> {
            if (token.isStructStart()) {
              parser.skipChildren();
            }
          }
        }
      }
    }
  }

  private static byte typeOf(String type) {
    return switch (type) {
      case "requested" -> REQUESTED;
      case "completed" -> COMPLETED;
      case "cancelled" -> CANCELLED;
      default -> OTHER;
    };
  }

  /** `2026-01-15T18:03:11.123Z`, by its digits. */
  private static long timeOf(JsonParser parser) throws IOException {
    char[] text = parser.getTextCharacters();
    int at = parser.getTextOffset();
    long day = dayOf(digits(text, at, 4), digits(text, at + 5, 2), digits(text, at + 8, 2));
    long seconds = digits(text, at + 11, 2) * 3600L + digits(text, at + 14, 2) * 60L + digits(text, at + 17, 2);
    return (day * 86_400 + seconds) * 1000 + digits(text, at + 20, 3);
  }

  private static int digits(char[] text, int from, int count) {
    int value = 0;
    for (int i = from; i < from + count; i++) {
      value = value * 10 + text[i] - '0';
    }
    return value;
  }

  private record Day(int date, long epochDay) {}

  private static volatile Day lastDay = new Day(-1, 0);

  private static long dayOf(int year, int month, int day) {
    int date = (year * 100 + month) * 100 + day;
    Day last = lastDay;
    if (last.date != date) {
      lastDay = last = new Day(date, LocalDate.of(year, month, day).toEpochDay());
    }
    return last.epochDay;
  }

  /** FNV-1a with a final mix. */
  private static long hashOf(JsonParser parser) throws IOException {
    char[] text = parser.getTextCharacters();
    int from = parser.getTextOffset();
    long hash = 0xcbf29ce484222325L;
    for (int i = from; i < from + parser.getTextLength(); i++) {
      hash = (hash ^ text[i]) * 0x100000001b3L;
    }
    hash = (hash ^ (hash >>> 32)) * 0xd6e8feb86659fd93L;
    hash ^= hash >>> 32;
    return hash == 0 ? 1 : hash;
  }
}
