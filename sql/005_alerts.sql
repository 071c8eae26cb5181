-- Alert transitions, from `alerts`.
--
-- Engine     ReplacingMergeTree(rev): a transition that is published again replaces itself.
-- Order key  What a transition is: the state that a rule took for a city at a boundary, and the incident it belongs to.
-- Partition  Month of the window's end: part of the key, hence the same for every repetition.
-- TTL        None: few rows, and the record of what was alarmed about.
-- Exact      Read with FINAL. The state of now: argMax(state, (window_end, rev)) BY rule, city.
CREATE TABLE IF NOT EXISTS alerts
(
    alert_id String,
    rule String,
    city String,
    state LowCardinality(String),
    since DateTime64(3, 'UTC'),
    at DateTime64(3, 'UTC'),
    value Nullable(Float64),
    threshold Float64,
    window_start DateTime64(3, 'UTC'),
    window_end DateTime64(3, 'UTC'),
    rev UInt64,
    counts Map(String, Float64),
    summary String,
    dedup_key String
)
ENGINE = ReplacingMergeTree(rev)
PARTITION BY toYYYYMM(window_end)
ORDER BY (rule, city, window_end, alert_id, state)
SETTINGS non_replicated_deduplication_window = 1000, index_granularity = 8192;
