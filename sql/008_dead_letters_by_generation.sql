-- Of two dead letters for one source record, that of the higher generation stays.
--
-- The engine of a table cannot be changed: a new one takes the name, the old one steps aside as dead_letters_before_008,
-- and its rows are copied. The rename can happen only once, whoever runs this and however often: it is left out when
-- its first target exists. The second CREATE is for a server that ended between the two renames. The copy may be
-- repeated at any time: its rows replace themselves, and never those of a generation. The old table stays, because an
-- insert of an older release that was under way may still end in it; drop it once no such release runs.
--
-- Engine     ReplacingMergeTree(generation): the same dead letter of a later generation replaces it.
-- Order key, partition, TTL, reading: as in 006_dead_letters.
-- Rows of before, and those of releases that state none, have generation 0.
CREATE TABLE IF NOT EXISTS dead_letters_008
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

RENAME TABLE dead_letters TO dead_letters_before_008, dead_letters_008 TO dead_letters;

CREATE TABLE IF NOT EXISTS dead_letters AS dead_letters_008;

INSERT INTO dead_letters (log_epoch, topic, partition, offset, log_time, replayed, reason, message, key, value)
SELECT log_epoch, topic, partition, offset, log_time, replayed, reason, message, key, value
FROM dead_letters_before_008 FINAL
SETTINGS max_partitions_per_insert_block = 0;

DROP TABLE IF EXISTS dead_letters_008;
