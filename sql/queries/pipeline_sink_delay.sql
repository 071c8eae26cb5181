-- Seconds from the log's time of a record to its row in ClickHouse: the slowest record of a point, per table. Asked by
-- whole seconds, which is what 015_log_seconds keeps.
SELECT time, topic, seconds
FROM
(
    WITH toDateTime(log_time) AS second
    SELECT
        $__timeInterval(second) AS time,
        topic,
        max(dateDiff('millisecond', log_time, inserted_at)) / 1000 AS seconds
    FROM ride_events
    WHERE $__timeFilter(second)
    GROUP BY time, topic
    UNION ALL
    WITH toDateTime(log_time) AS second
    SELECT
        $__timeInterval(second) AS time,
        topic,
        max(dateDiff('millisecond', log_time, inserted_at)) / 1000 AS seconds
    FROM driver_locations
    WHERE $__timeFilter(second)
    GROUP BY time, topic
)
ORDER BY time, topic
