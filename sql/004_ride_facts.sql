-- Finished rides, from `ride-facts`.
--
-- Engine     ReplacingMergeTree(generation): a fact is told apart by the record that caused it; the same fact of a
--            later generation replaces it.
-- Order key  fact_id. Its parts (log epoch, topic, partition, offset, n) stand beside it as source_*: the newest fact
--            of a ride is the one with the greatest (source_log_epoch, source_offset, source_n).
-- Partition  Day of the *source* record's log time: what caused the fact, never the time at which it was published,
--            which another owner's repetition would change.
-- TTL        90 days after that, `replayed` rows stay: see 001_ride_events.
-- Exact      Read with FINAL. The outcome of a ride: argMax(…, (source_log_epoch, source_offset, source_n)).
CREATE TABLE IF NOT EXISTS ride_facts
(
    fact_id String,
    generation UInt16,
    source_log_epoch UInt16,
    source_topic LowCardinality(String),
    source_partition UInt32,
    source_offset UInt64,
    source_n UInt32,
    log_time DateTime64(3, 'UTC'),
    replayed UInt8,
    ride_id String,
    city LowCardinality(String),
    outcome LowCardinality(String),
    cancelled_by LowCardinality(String),
    reason String,
    driver_id String,
    user_id String,
    ended_at DateTime64(3, 'UTC'),
    requested_at Nullable(DateTime64(3, 'UTC')),
    accepted_at Nullable(DateTime64(3, 'UTC')),
    started_at Nullable(DateTime64(3, 'UTC')),
    request_to_accept_s Nullable(Float64),
    accept_to_start_s Nullable(Float64),
    start_to_end_s Nullable(Float64),
    attempts UInt32,
    estimated_fare Nullable(Decimal(12, 2)),
    fare Nullable(Decimal(12, 2)),
    anomalies Array(String)
)
ENGINE = ReplacingMergeTree(generation)
PARTITION BY toYYYYMMDD(log_time)
ORDER BY fact_id
TTL if(replayed = 1, toDateTime('2100-01-01 00:00:00', 'UTC'), toDateTime(log_time, 'UTC') + INTERVAL 90 DAY)
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 1000, index_granularity = 8192;
