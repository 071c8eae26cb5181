-- Requests per minute and city in the hour up to {now}.
--
-- Duplicates are taken out as in city_performance_last_hour: FINAL for the sink's, LIMIT 1 BY for the producer's.
SELECT
    toStartOfMinute(timestamp) AS time,
    if(event_city = '', 'unknown', event_city) AS city,
    count() AS rides_per_minute
FROM
(
    SELECT timestamp, city AS event_city
    FROM ride_events FINAL
    WHERE timestamp > {now:DateTime64(3, 'UTC')} - INTERVAL 1 HOUR AND timestamp <= {now:DateTime64(3, 'UTC')}
        AND event_type = 'requested'
    ORDER BY log_epoch, topic, partition, offset
    LIMIT 1 BY ride_id, event_id
)
GROUP BY time, city
ORDER BY time, city
SETTINGS do_not_merge_across_partitions_select_final = 1, use_skip_indexes_if_final = 1
