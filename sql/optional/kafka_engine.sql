-- ClickHouse reads `ride-events` from Kafka itself, with no Waymark in between: `waymark migrate --with kafka-engine`.
--
--     Kafka ──► ride_events_queue ──► ride_events_inbox ──┬─► ride_events_direct   what could be read
--                 (Kafka)               (Null)            └─► ride_events_refused  what could not, and why
--
-- Beside the sink, not instead of it: tables of its own, because Waymark decodes more strictly (bounds, time zones,
-- derived ids), and the later of two different readings of one record would win. No windows, no alerts, no order.
--
-- Engine     Kafka's is at least once. ReplacingMergeTree on the record's identity makes it once: read with FINAL.
--            A malformed record would stop the queue for good: kafka_handle_error_mode = 'stream' turns it into a row,
--            and so does a view where a required field is missing or the time cannot be read. `value` has the bytes of
--            what is no JSON; the others are found in the log by partition and offset.
-- Partition, order key, TTL   As in 001_ride_events, from the record's own log time.
--
-- ${brokers}, ${topic} and ${group} are filled in. What holds no data is made anew each time, so other brokers are taken
-- over; the group goes on where it had committed, once the session of its old reader is over (a minute). The queue is
-- read from the moment it has its one view, which is therefore the first to go and the last to come: with the two
-- tables fed from the queue itself, the one made later would miss what was read in between.
DROP VIEW IF EXISTS ride_events_queue_feed;
DROP TABLE IF EXISTS ride_events_queue;
DROP VIEW IF EXISTS ride_events_direct_feed;
DROP VIEW IF EXISTS ride_events_refused_feed;
DROP TABLE IF EXISTS ride_events_inbox;

CREATE TABLE IF NOT EXISTS ride_events_direct
(
    topic LowCardinality(String),
    partition UInt32,
    offset UInt64,
    log_time DateTime64(3, 'UTC'),
    event_type LowCardinality(String),
    ride_id String,
    timestamp DateTime64(3, 'UTC'),
    event_id String,
    city LowCardinality(String),
    user_id String,
    driver_id String,
    estimated_fare Nullable(Float64),
    fare Nullable(Float64),
    cancelled_by LowCardinality(String),
    reason String,
    INDEX timestamp_range timestamp TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMMDD(log_time)
ORDER BY (topic, partition, offset)
TTL toDateTime(log_time, 'UTC') + INTERVAL 90 DAY
SETTINGS ttl_only_drop_parts = 1, index_granularity = 8192;

CREATE TABLE IF NOT EXISTS ride_events_refused
(
    topic LowCardinality(String),
    partition UInt32,
    offset UInt64,
    log_time DateTime64(3, 'UTC'),
    message String,
    value String
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMMDD(log_time)
ORDER BY (topic, partition, offset)
TTL toDateTime(log_time, 'UTC') + INTERVAL 90 DAY
SETTINGS ttl_only_drop_parts = 1, index_granularity = 8192;

CREATE TABLE ride_events_inbox
(
    topic LowCardinality(String),
    partition UInt32,
    offset UInt64,
    log_time DateTime64(3, 'UTC'),
    error String,
    raw String,
    event_type String,
    ride_id String,
    sent_timestamp String,
    timestamp Nullable(DateTime64(3, 'UTC')),
    event_id String,
    city String,
    user_id String,
    driver_id String,
    estimated_fare Nullable(Float64),
    fare Nullable(Float64),
    cancelled_by String,
    reason String
)
ENGINE = Null;

CREATE MATERIALIZED VIEW ride_events_refused_feed TO ride_events_refused AS
SELECT
    topic,
    partition,
    offset,
    log_time,
    if(error != '', error, 'event_type, ride_id or timestamp is missing or cannot be read') AS message,
    raw AS value
FROM ride_events_inbox
WHERE NOT (error = '' AND event_type != '' AND ride_id != '' AND timestamp IS NOT NULL);

CREATE MATERIALIZED VIEW ride_events_direct_feed TO ride_events_direct AS
SELECT
    topic,
    partition,
    offset,
    log_time,
    event_type,
    ride_id,
    assumeNotNull(inbox.timestamp) AS timestamp,
    if(inbox.event_id = '', concat(event_type, '|', sent_timestamp, '|', driver_id), inbox.event_id) AS event_id,
    city,
    user_id,
    driver_id,
    estimated_fare,
    fare,
    cancelled_by,
    reason
FROM ride_events_inbox AS inbox
WHERE error = '' AND event_type != '' AND ride_id != '' AND inbox.timestamp IS NOT NULL;

CREATE TABLE ride_events_queue
(
    event_type String,
    ride_id String,
    timestamp String,
    event_id String,
    city String,
    user_id String,
    driver_id String,
    estimated_fare Nullable(Float64),
    fare Nullable(Float64),
    cancelled_by String,
    reason String
)
ENGINE = Kafka
SETTINGS
    kafka_broker_list = '${brokers}',
    kafka_topic_list = '${topic}',
    kafka_group_name = '${group}',
    kafka_format = 'JSONEachRow',
    kafka_num_consumers = 1,
    kafka_max_block_size = 65536,
    kafka_flush_interval_ms = 1000,
    kafka_handle_error_mode = 'stream';

CREATE MATERIALIZED VIEW ride_events_queue_feed TO ride_events_inbox AS
SELECT
    _topic AS topic,
    _partition AS partition,
    _offset AS offset,
    ifNull(_timestamp_ms, toDateTime64(0, 3, 'UTC')) AS log_time,
    _error AS error,
    _raw_message AS raw,
    event_type,
    ride_id,
    queue.timestamp AS sent_timestamp,
    parseDateTime64BestEffortOrNull(queue.timestamp, 3, 'UTC') AS timestamp,
    event_id,
    city,
    user_id,
    driver_id,
    estimated_fare,
    fare,
    cancelled_by,
    reason
FROM ride_events_queue AS queue;
