-- Requests per minute and city in the hour up to {now}.
--
-- Copies are taken out as in city_performance_last_hour.
SELECT
    toStartOfMinute(timestamp) AS time,
    if(event_city = '', 'unknown', event_city) AS city,
    count() AS rides_per_minute
FROM
(
    SELECT timestamp, city AS event_city
    FROM ride_events
    WHERE timestamp > {now:DateTime64(3, 'UTC')} - INTERVAL 1 HOUR AND timestamp <= {now:DateTime64(3, 'UTC')}
        AND event_type = 'requested'
    ORDER BY log_epoch, topic, partition, offset
    LIMIT 1 BY ride_id, event_id
)
GROUP BY time, city
ORDER BY time, city
