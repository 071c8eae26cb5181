package waymark.peers;

import org.apache.flink.configuration.Configuration;
import org.apache.flink.core.execution.CheckpointingMode;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.table.api.bridge.java.StreamTableEnvironment;

/** The query in Flink SQL: rows when a window is final, none before. {@code FlinkSql BROKERS INPUT OUTPUT FOLDER} */
public final class FlinkSql {
  private FlinkSql() {}

  public static void main(String[] args) throws Exception {
    StreamExecutionEnvironment env =
        StreamExecutionEnvironment.createLocalEnvironment(
            2, Configuration.fromMap(FlinkSettings.of(args[3])));
    env.getConfig().enableObjectReuse();
    env.enableCheckpointing(10_000, CheckpointingMode.EXACTLY_ONCE);
    StreamTableEnvironment tables = StreamTableEnvironment.create(env);
    tables.getConfig().set("table.local-time-zone", "UTC");
    tables.executeSql(
        """
        CREATE TABLE rides (
          event_type STRING,
          `timestamp` TIMESTAMP_LTZ(3),
          city STRING,
          user_id STRING,
          estimated_fare DECIMAL(10, 2),
          WATERMARK FOR `timestamp` AS `timestamp` - INTERVAL '30' SECOND
        ) WITH (
          'connector' = 'kafka',
          'topic' = '%s',
          'properties.bootstrap.servers' = '%s',
          'properties.group.id' = 'sql-%s',
          'properties.max.poll.records' = '5000',
          'scan.startup.mode' = 'earliest-offset',
          'scan.watermark.alignment.group' = 'input',
          'scan.watermark.alignment.max-drift' = '10 min',
          'scan.watermark.alignment.update-interval' = '100 ms',
          'format' = 'json',
          'json.timestamp-format.standard' = 'ISO-8601'
        )"""
            .formatted(args[1], args[0], args[2]));
    tables.executeSql(
        """
        CREATE TABLE windows (
          city STRING,
          window_start STRING,
          window_end STRING,
          total_events BIGINT,
          requests BIGINT,
          completions BIGINT,
          cancellations BIGINT,
          avg_fare DOUBLE,
          unique_riders BIGINT
        ) WITH (
          'connector' = 'kafka',
          'topic' = '%s',
          'properties.bootstrap.servers' = '%s',
          'properties.compression.type' = 'lz4',
          'properties.linger.ms' = '20',
          'key.format' = 'raw',
          'key.fields' = 'city',
          'value.format' = 'json'
        )"""
            .formatted(args[2], args[0]));
    tables
        .executeSql(
            """
            INSERT INTO windows
            SELECT
              city,
              DATE_FORMAT(window_start, 'yyyy-MM-dd''T''HH:mm:ss') || 'Z',
              DATE_FORMAT(window_end, 'yyyy-MM-dd''T''HH:mm:ss') || 'Z',
              COUNT(*),
              COUNT(*) FILTER (WHERE event_type = 'requested'),
              COUNT(*) FILTER (WHERE event_type = 'completed'),
              COUNT(*) FILTER (WHERE event_type = 'cancelled'),
              CAST(AVG(estimated_fare) AS DOUBLE),
              COUNT(DISTINCT user_id)
            FROM TABLE(
              HOP(TABLE rides, DESCRIPTOR(`timestamp`), INTERVAL '1' MINUTE, INTERVAL '%d' MINUTE(4)))
            GROUP BY city, window_start, window_end"""
                .formatted(Query.WINDOW_MINUTES))
        .await();
  }
}
