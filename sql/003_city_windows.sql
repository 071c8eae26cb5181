-- The newest version of each city window, from `analytics-aggregated`.
--
-- Engine     ReplacingMergeTree(rev): a window is a register, of two versions the greater `rev` is the newer, in
--            whatever order they arrive and however often. Equal revs carry equal figures; `kind` and `watermark` are
--            remarks about the moment of publishing.
-- Order key  City and window start: which is what a window is, and what it is looked up by.
-- Partition  Month of the window's start: part of the key, hence the same for all versions of a window.
-- TTL        None: small, and the history that pages show.
-- Exact      Read with FINAL, or argMax(…, rev).
CREATE TABLE IF NOT EXISTS city_windows
(
    city String,
    window_start DateTime64(3, 'UTC'),
    window_end DateTime64(3, 'UTC'),
    kind LowCardinality(String),
    rev UInt64,
    watermark Nullable(DateTime64(3, 'UTC')),
    total_events UInt32,
    requests UInt32,
    acceptances UInt32,
    starts UInt32,
    completions UInt32,
    cancellations UInt32,
    avg_fare Nullable(Decimal(14, 2)),
    unique_riders UInt32,
    unique_riders_error Float64,
    rides_completed UInt32,
    rides_cancelled_by_rider UInt32,
    rides_cancelled_by_driver UInt32,
    rides_cancelled_by_system UInt32,
    completion_rate Nullable(Float64),
    cancellation_rate Nullable(Float64),
    revenue Decimal(18, 2),
    request_to_accept_p50_s Nullable(Float64),
    request_to_accept_p90_s Nullable(Float64),
    anomalies UInt32,
    open_requests Nullable(UInt32),
    available_drivers Nullable(UInt32),
    busy_drivers Nullable(UInt32),
    utilisation Nullable(Float64),
    surge Nullable(Float64)
)
ENGINE = ReplacingMergeTree(rev)
PARTITION BY toYYYYMM(window_start)
ORDER BY (city, window_start)
SETTINGS non_replicated_deduplication_window = 1000, index_granularity = 8192;
