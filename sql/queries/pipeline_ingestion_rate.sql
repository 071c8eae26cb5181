-- Records per second of the source topics, by the log's own time, from what ClickHouse has. Offsets are counted, not
-- rows: a row that was inserted twice has one offset. Asked by whole seconds, which is what 015_log_seconds keeps.
SELECT time, topic, sum(records) / greatest(1, $__interval_s) AS records_per_second
FROM
(
    WITH toDateTime(log_time) AS second
    SELECT $__timeInterval(second) AS time, topic, max(offset) - min(offset) + 1 AS records
    FROM ride_events
    WHERE $__timeFilter(second)
    GROUP BY time, topic, log_epoch, partition
    UNION ALL
    WITH toDateTime(log_time) AS second
    SELECT $__timeInterval(second) AS time, topic, max(offset) - min(offset) + 1 AS records
    FROM driver_locations
    WHERE $__timeFilter(second)
    GROUP BY time, topic, log_epoch, partition
)
GROUP BY time, topic
ORDER BY time, topic
