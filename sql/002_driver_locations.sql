-- Every decodable record of `driver-locations`: 99 % of the traffic.
--
-- Engine     ReplacingMergeTree: a record that is inserted again replaces itself.
-- Order key  The record's identity, see 001_ride_events. Blocks arrive in this order, so they are stored as they come.
-- Partition  Day of the record's log time, TTL 90 days after it, `replayed` rows stay: see 001_ride_events.
-- Exact      Read with FINAL. A point sent twice has the same driver_id, timestamp and event_id.
--
-- An absent text is '', an absent number is NULL.
CREATE TABLE IF NOT EXISTS driver_locations
(
    log_epoch UInt16,
    topic LowCardinality(String),
    partition UInt32,
    offset UInt64,
    log_time DateTime64(3, 'UTC'),
    replayed UInt8,
    driver_id String,
    timestamp DateTime64(3, 'UTC'),
    event_id String,
    lat Float64,
    lng Float64,
    city LowCardinality(String),
    status LowCardinality(String),
    speed_kmh Nullable(Float32),
    heading Nullable(Float32),
    accuracy_m Nullable(Float32),
    ride_id String,
    INDEX timestamp_range timestamp TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMMDD(log_time)
ORDER BY (log_epoch, topic, partition, offset)
TTL if(replayed = 1, toDateTime('2100-01-01 00:00:00', 'UTC'), toDateTime(log_time, 'UTC') + INTERVAL 90 DAY)
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 1000, index_granularity = 8192;
