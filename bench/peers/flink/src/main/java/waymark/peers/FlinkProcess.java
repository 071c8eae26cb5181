package waymark.peers;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.connector.base.DeliveryGuarantee;
import org.apache.flink.connector.kafka.sink.KafkaRecordSerializationSchema;
import org.apache.flink.connector.kafka.sink.KafkaSink;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.connector.kafka.source.reader.deserializer.KafkaRecordDeserializationSchema;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.core.execution.CheckpointingMode;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.util.Collector;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;

/**
 * Flink with a process function of its own per city: riders as bit maps, changed windows every second, final ones when
 * the watermark passes. {@code FlinkProcess BROKERS INPUT OUTPUT FOLDER}
 */
public final class FlinkProcess {
  private static final long UPDATE_MS = Long.getLong("waymark.update.ms", 1000);

  private FlinkProcess() {}

  public static void main(String[] args) throws Exception {
    String brokers = args[0];
    String input = args[1];
    String output = args[2];
    StreamExecutionEnvironment env =
        StreamExecutionEnvironment.createLocalEnvironment(
            2, Configuration.fromMap(FlinkSettings.of(args[3])));
    env.getConfig().enableObjectReuse();
    env.enableCheckpointing(10_000, CheckpointingMode.EXACTLY_ONCE);

    KafkaSource<RideEvent> source =
        KafkaSource.<RideEvent>builder()
            .setBootstrapServers(brokers)
            .setTopics(input)
            .setGroupId("flink-" + output)
            .setStartingOffsets(OffsetsInitializer.earliest())
            .setDeserializer(new Reading())
            .setProperty("max.partition.fetch.bytes", "1048576")
            .setProperty("max.poll.records", "5000")
            .build();
    KafkaSink<String> sink =
        KafkaSink.<String>builder()
            .setBootstrapServers(brokers)
            .setDeliveryGuarantee(DeliveryGuarantee.AT_LEAST_ONCE)
            .setRecordSerializer(new Writing(output))
            .setProperty("compression.type", "lz4")
            .setProperty("linger.ms", "20")
            .build();
    // Without alignment a partition that is read faster would open windows without end.
    WatermarkStrategy<RideEvent> watermarks =
        WatermarkStrategy.<RideEvent>forBoundedOutOfOrderness(Duration.ofSeconds(30))
            .withTimestampAssigner((event, at) -> event.timeMs)
            .withWatermarkAlignment("input", Duration.ofMinutes(10), Duration.ofMillis(100));
    env.fromSource(source, watermarks, "ride events")
        .keyBy(event -> event.city, Types.STRING)
        .process(new Windows())
        .sinkTo(sink);
    env.execute("city windows");
  }

  /** One event for all records: with object reuse nobody keeps it. */
  private static final class Reading implements KafkaRecordDeserializationSchema<RideEvent> {
    private transient RideEvent event;

    @Override
    public void deserialize(ConsumerRecord<byte[], byte[]> from, Collector<RideEvent> out) throws IOException {
      if (event == null) {
        event = new RideEvent();
      }
      RideEvent.parse(from.value(), event);
      out.collect(event);
    }

    @Override
    public TypeInformation<RideEvent> getProducedType() {
      return Types.POJO(
          RideEvent.class,
          Map.of(
              "city", Types.STRING,
              "timeMs", Types.LONG,
              "type", Types.BYTE,
              "rider", Types.LONG,
              "fareCents", Types.LONG));
    }
  }

  /** A window goes to one partition. */
  private record Writing(String topic) implements KafkaRecordSerializationSchema<String> {
    @Override
    public ProducerRecord<byte[], byte[]> serialize(String line, KafkaSinkContext context, Long timestamp) {
      String key = line.substring(0, line.indexOf(",\"window_end\""));
      return new ProducerRecord<>(
          topic, key.getBytes(StandardCharsets.UTF_8), line.getBytes(StandardCharsets.UTF_8));
    }
  }

  private static final class Windows extends KeyedProcessFunction<String, RideEvent, String> {
    private transient ValueState<CityState> states;
    private transient StringBuilder text;

    @Override
    public void open(OpenContext context) {
      states = getRuntimeContext().getState(new ValueStateDescriptor<>("city", CityState.class));
      text = new StringBuilder();
    }

    @Override
    public void processElement(RideEvent event, Context context, Collector<String> out) throws Exception {
      CityState state = states.value();
      if (state == null) {
        states.update(state = new CityState());
      }
      state.add(event);
      setTimer(state, context);
      if (state.updateAtMs == 0) {
        long now = context.timerService().currentProcessingTime();
        state.updateAtMs = now - now % UPDATE_MS + UPDATE_MS;
        context.timerService().registerProcessingTimeTimer(state.updateAtMs);
      }
    }

    /** For the window that ends first: an older one may come after it. */
    private void setTimer(CityState state, Context context) {
      long endsAtMs = state.endsAtMs();
      if (endsAtMs != 0 && (state.closeAtMs == 0 || endsAtMs < state.closeAtMs)) {
        state.closeAtMs = endsAtMs;
        context.timerService().registerEventTimeTimer(endsAtMs);
      }
    }

    @Override
    public void onTimer(long timestamp, OnTimerContext context, Collector<String> out) throws Exception {
      CityState state = states.value();
      String city = context.getCurrentKey();
      CityState.Window give =
          (start, counts, riders) ->
              out.collect(WindowJson.of(city, start, CityState.PANES, counts, riders, text));
      switch (context.timeDomain()) {
        case EVENT_TIME -> {
          state.close(timestamp, give);
          state.closeAtMs = 0;
          setTimer(state, context);
        }
        case PROCESSING_TIME -> {
          state.updateAtMs = 0;
          state.publish(give);
        }
      }
    }
  }
}
