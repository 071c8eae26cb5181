-- Seconds from the log's time of a record to its row in ClickHouse: the slowest record of a point, per table.
SELECT time, topic, seconds
FROM
(
    SELECT
        $__timeInterval(log_time) AS time,
        topic,
        max(dateDiff('millisecond', log_time, inserted_at)) / 1000 AS seconds
    FROM ride_events
    WHERE $__timeFilter(log_time)
    GROUP BY time, topic
    UNION ALL
    SELECT
        $__timeInterval(log_time) AS time,
        topic,
        max(dateDiff('millisecond', log_time, inserted_at)) / 1000 AS seconds
    FROM driver_locations
    WHERE $__timeFilter(log_time)
    GROUP BY time, topic
)
ORDER BY time, topic
