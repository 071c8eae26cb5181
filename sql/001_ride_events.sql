-- Every decodable record of `ride-events`, as it stands in the log: producers' duplicates and late events included.
--
-- Engine     ReplacingMergeTree: the sink inserts at least once, and a record that comes again replaces itself.
-- Order key  The record's identity (log epoch, topic, partition, offset) and nothing that decoding decides, so that a
--            release that decodes differently still replaces. Time is found through the minmax index: offsets rise
--            with time.
-- Partition  Day of the record's own log time, which is the same however often and whenever it is inserted. Rows
--            replace each other only within a partition, so neither event time nor the time of insertion would do.
-- TTL        90 days after the log time. Where a replay states the time of its records (2013, say) the log time is
--            long past and the row would be gone at once: `replayed` rows stay.
-- Exact      Read with FINAL. A producer's duplicate is another record (another offset, same event_id): take it out
--            with LIMIT 1 BY (ride_id, event_id) or uniqExact((ride_id, event_id)).
--
-- An absent text is '' (ids and city names have at least one character), an absent number is NULL.
CREATE TABLE IF NOT EXISTS ride_events
(
    log_epoch UInt16,
    topic LowCardinality(String),
    partition UInt32,
    offset UInt64,
    log_time DateTime64(3, 'UTC'),
    replayed UInt8,
    event_type LowCardinality(String),
    ride_id String,
    timestamp DateTime64(3, 'UTC'),
    event_id String,
    city LowCardinality(String),
    user_id String,
    driver_id String,
    pickup_lat Nullable(Float64),
    pickup_lng Nullable(Float64),
    dropoff_lat Nullable(Float64),
    dropoff_lng Nullable(Float64),
    estimated_fare Nullable(Decimal(12, 2)),
    fare Nullable(Decimal(12, 2)),
    cancelled_by LowCardinality(String),
    reason String,
    INDEX timestamp_range timestamp TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMMDD(log_time)
ORDER BY (log_epoch, topic, partition, offset)
TTL if(replayed = 1, toDateTime('2100-01-01 00:00:00', 'UTC'), toDateTime(log_time, 'UTC') + INTERVAL 90 DAY)
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 1000, index_granularity = 8192;
