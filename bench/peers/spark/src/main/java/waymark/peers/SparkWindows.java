package waymark.peers;

import static org.apache.spark.sql.functions.avg;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.collect_set;
import static org.apache.spark.sql.functions.concat_ws;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.from_json;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.size;
import static org.apache.spark.sql.functions.struct;
import static org.apache.spark.sql.functions.to_json;
import static org.apache.spark.sql.functions.unix_millis;
import static org.apache.spark.sql.functions.when;
import static org.apache.spark.sql.functions.window;

import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/**
 * Spark Structured Streaming. {@code SparkWindows BROKERS INPUT OUTPUT FOLDER}
 *
 * <p>count(DISTINCT …) is refused on streams; a set whose size is taken is the exact way that is left.
 */
public final class SparkWindows {
  private static final String WINDOW_MINUTES =
      System.getenv().getOrDefault("WINDOW_MINUTES", "5");

  private SparkWindows() {}

  public static void main(String[] args) throws Exception {
    SparkSession spark =
        SparkSession.builder()
            .master("local[2]")
            .config("spark.ui.enabled", false)
            .config("spark.sql.shuffle.partitions", 2)
            .config("spark.sql.session.timeZone", "UTC")
            .config("spark.sql.streaming.noDataMicroBatches.enabled", true)
            .getOrCreate();
    spark.sparkContext().setLogLevel("ERROR");
    Dataset<Row> events =
        spark
            .readStream()
            .format("kafka")
            .option("kafka.bootstrap.servers", args[0])
            .option("subscribe", args[1])
            .option("startingOffsets", "earliest")
            .option("maxOffsetsPerTrigger", 500_000)
            .load()
            .select(
                from_json(
                        col("value").cast("string"),
                        org.apache.spark.sql.types.DataType.fromDDL(
                            "event_type STRING, timestamp TIMESTAMP, city STRING, user_id STRING, "
                                + "estimated_fare DOUBLE"))
                    .as("event"))
            .select("event.*");
    Dataset<Row> windows =
        events
            .withWatermark("timestamp", "30 seconds")
            .groupBy(col("city"), window(col("timestamp"), WINDOW_MINUTES + " minutes", "1 minute").as("window"))
            .agg(
                count(lit(1)).as("total_events"),
                ofType("requested").as("requests"),
                ofType("completed").as("completions"),
                ofType("cancelled").as("cancellations"),
                avg(col("estimated_fare")).as("avg_fare"),
                size(collect_set(col("user_id"))).as("unique_riders"))
            .select(
                concat_ws("|", col("city"), col("window.start")).as("key"),
                to_json(
                        struct(
                            col("city"),
                            unix_millis(col("window.start")).as("window_start"),
                            unix_millis(col("window.end")).as("window_end"),
                            col("total_events"),
                            col("requests"),
                            col("completions"),
                            col("cancellations"),
                            col("avg_fare"),
                            col("unique_riders")))
                    .as("value"));
    windows
        .writeStream()
        .outputMode("update")
        .format("kafka")
        .option("kafka.bootstrap.servers", args[0])
        .option("kafka.compression.type", "lz4")
        .option("topic", args[2])
        .option("checkpointLocation", args[3])
        .start()
        .awaitTermination();
  }

  private static Column ofType(String type) {
    return count(when(col("event_type").equalTo(type), 1));
  }
}
