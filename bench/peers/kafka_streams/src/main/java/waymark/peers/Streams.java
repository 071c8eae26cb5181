package waymark.peers;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.Serializer;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.Repartitioned;
import org.apache.kafka.streams.state.Stores;

/**
 * Kafka Streams with its Processor API: events repartitioned by city in a binary form, counts per minute and riders as
 * bit maps in stores. {@code Streams BROKERS INPUT OUTPUT FOLDER}
 */
public final class Streams {
  private Streams() {}

  public static void main(String[] args) {
    Properties settings = new Properties();
    settings.putAll(
        Map.of(
            StreamsConfig.APPLICATION_ID_CONFIG, "streams-" + args[2],
            StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, args[0],
            StreamsConfig.STATE_DIR_CONFIG, args[3],
            StreamsConfig.NUM_STREAM_THREADS_CONFIG, 2,
            StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 1000,
            StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 256L << 20,
            StreamsConfig.REPLICATION_FACTOR_CONFIG, 1));
    settings.putAll(
        Map.of(
            StreamsConfig.consumerPrefix("auto.offset.reset"), "earliest",
            StreamsConfig.consumerPrefix("max.poll.records"), 5000,
            StreamsConfig.producerPrefix("compression.type"), "lz4",
            StreamsConfig.producerPrefix("linger.ms"), 50,
            StreamsConfig.producerPrefix("batch.size"), 262_144));
    KafkaStreams streams = new KafkaStreams(topology(args[1], args[2]), settings);
    streams.setUncaughtExceptionHandler(
        error -> {
          error.printStackTrace();
          System.exit(1);
          return null;
        });
    Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
    streams.start();
  }

  private static Topology topology(String input, String output) {
    StreamsBuilder builder = new StreamsBuilder();
    builder.addStateStore(
        Stores.keyValueStoreBuilder(
                Stores.inMemoryKeyValueStore(Windows.PANES), Serdes.ByteArray(), Serdes.ByteArray())
            .withCachingEnabled());
    builder.addStateStore(
        Stores.keyValueStoreBuilder(
                Stores.inMemoryKeyValueStore(Windows.RIDERS), Serdes.ByteArray(), Serdes.ByteArray())
            .withCachingEnabled());
    builder
        .stream(
            input,
            Consumed.with(Serdes.ByteArray(), json())
                .withTimestampExtractor((record, before) -> ((RideEvent) record.value()).timeMs))
        .selectKey((key, event) -> event.city)
        .repartition(
            Repartitioned.with(Serdes.String(), binary()).withName("by-city").withNumberOfPartitions(6))
        .process(Windows::new, Windows.PANES, Windows.RIDERS)
        .to(output, Produced.with(Serdes.String(), Serdes.String()));
    return builder.build();
  }

  private static Serde<RideEvent> json() {
    Deserializer<RideEvent> read =
        (topic, value) -> {
          RideEvent event = new RideEvent();
          try {
            RideEvent.parse(value, event);
          } catch (java.io.IOException error) {
            throw new IllegalArgumentException(error);
          }
          return event;
        };
    return Serdes.serdeFrom(
        (topic, event) -> {
          throw new UnsupportedOperationException("events are only read from JSON");
        },
        read);
  }

  private static Serde<RideEvent> binary() {
    Serializer<RideEvent> write =
        (topic, event) -> {
          byte[] city = event.city.getBytes(StandardCharsets.UTF_8);
          return ByteBuffer.allocate(25 + city.length)
              .putLong(event.timeMs)
              .putLong(event.rider)
              .putLong(event.fareCents)
              .put(event.type)
              .put(city)
              .array();
        };
    Deserializer<RideEvent> read =
        (topic, bytes) -> {
          RideEvent event = new RideEvent();
          ByteBuffer from = ByteBuffer.wrap(bytes);
          event.timeMs = from.getLong();
          event.rider = from.getLong();
          event.fareCents = from.getLong();
          event.type = from.get();
          event.city = new String(bytes, 25, bytes.length - 25, StandardCharsets.UTF_8);
          return event;
        };
    return Serdes.serdeFrom(write, read);
  }
}
