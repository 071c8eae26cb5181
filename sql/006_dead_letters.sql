-- Records that could not be folded, from `dead-letters`, with the reason and the original bytes.
--
-- Engine     ReplacingMergeTree: the same dead letter, published or inserted again, replaces itself.
-- Order key  The identity of the *source* record.
-- Partition  Day of the source record's log time, TTL 90 days after it, `replayed` rows stay: see 001_ride_events.
-- Exact      Read with FINAL.
--
-- Bytes may be anything, JSON can carry only text: they travel as base64 in columns that are not stored.
CREATE TABLE IF NOT EXISTS dead_letters
(
    log_epoch UInt16,
    topic LowCardinality(String),
    partition UInt32,
    offset UInt64,
    log_time DateTime64(3, 'UTC'),
    replayed UInt8,
    reason LowCardinality(String),
    message String,
    key_base64 String EPHEMERAL,
    value_base64 String EPHEMERAL,
    key String DEFAULT base64Decode(key_base64),
    value String DEFAULT base64Decode(value_base64)
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMMDD(log_time)
ORDER BY (log_epoch, topic, partition, offset)
TTL if(replayed = 1, toDateTime('2100-01-01 00:00:00', 'UTC'), toDateTime(log_time, 'UTC') + INTERVAL 90 DAY)
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 1000, index_granularity = 8192;
