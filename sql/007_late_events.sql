-- Events behind their partition's watermark, from `late-events`: reason `late` (still counted) or `too_late` (not).
--
-- Engine     ReplacingMergeTree: the same late event, published or inserted again, replaces itself.
-- Order key  The identity of the *source* record.
-- Partition  Day of the source record's log time, TTL 90 days after it, `replayed` rows stay: see 001_ride_events.
-- Exact      Read with FINAL. What windows leave out: the rows with reason 'too_late'.
CREATE TABLE IF NOT EXISTS late_events
(
    log_epoch UInt16,
    topic LowCardinality(String),
    partition UInt32,
    offset UInt64,
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
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMMDD(log_time)
ORDER BY (log_epoch, topic, partition, offset)
TTL if(replayed = 1, toDateTime('2100-01-01 00:00:00', 'UTC'), toDateTime(log_time, 'UTC') + INTERVAL 90 DAY)
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 1000, index_granularity = 8192;
