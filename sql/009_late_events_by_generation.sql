-- Of two late events for one source record, that of the higher generation stays. The way is that of
-- 008_dead_letters_by_generation.
--
-- Engine     ReplacingMergeTree(generation): the same late event of a later generation replaces it.
-- Order key, partition, TTL, reading: as in 007_late_events.
-- Rows of before, and those of releases that state none, have generation 0.
CREATE TABLE IF NOT EXISTS late_events_009
(
    log_epoch UInt16,
    topic LowCardinality(String),
    partition UInt32,
    offset UInt64,
    generation UInt16,
    log_time DateTime64(3, 'UTC'),
    replayed UInt8,
    reason LowCardinality(String),
    message String,
    event_time DateTime64(3, 'UTC'),
    late_ms UInt64,
    key_base64 String EPHEMERAL,
    value_base64 String EPHEMERAL,
    key String DEFAULT base64Decode(key_base64),
    value String DEFAULT base64Decode(value_base64)
)
ENGINE = ReplacingMergeTree(generation)
PARTITION BY toYYYYMMDD(log_time)
ORDER BY (log_epoch, topic, partition, offset)
TTL if(replayed = 1, toDateTime('2100-01-01 00:00:00', 'UTC'), toDateTime(log_time, 'UTC') + INTERVAL 90 DAY)
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 1000, index_granularity = 8192;

RENAME TABLE late_events TO late_events_before_009, late_events_009 TO late_events;

CREATE TABLE IF NOT EXISTS late_events AS late_events_009;

INSERT INTO late_events (log_epoch, topic, partition, offset, log_time, replayed, reason, message, event_time, late_ms, key, value)
SELECT log_epoch, topic, partition, offset, log_time, replayed, reason, message, event_time, late_ms, key, value
FROM late_events_before_009 FINAL
SETTINGS max_partitions_per_insert_block = 0;

DROP TABLE IF EXISTS late_events_009;
