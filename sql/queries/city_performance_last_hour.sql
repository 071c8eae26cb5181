-- How each city did in the hour up to {now}: requests, completions, cancellations, completion rate, mean fare.
--
-- ride_events keeps every record of the log, and until ClickHouse has merged its parts also what the sink inserted
-- twice. Both kinds of copies have one event_id within a ride: LIMIT 1 BY keeps the first in the order of the log, and
-- FINAL has nothing left to do (it would read fifteen times as much). Times are event times; `now` is bound, so that
-- yesterday can be asked about.
SELECT
    if(event_city = '', 'unknown', event_city) AS city,
    countIf(event_type = 'requested') AS requests,
    countIf(event_type = 'completed') AS completions,
    countIf(event_type = 'cancelled') AS cancellations,
    round(completions / greatest(requests, 1) * 100, 1) AS completion_rate,
    round(avg(estimated_fare), 2) AS avg_fare
FROM
(
    SELECT event_type, city AS event_city, estimated_fare
    FROM ride_events
    WHERE timestamp > {now:DateTime64(3, 'UTC')} - INTERVAL 1 HOUR AND timestamp <= {now:DateTime64(3, 'UTC')}
    ORDER BY log_epoch, topic, partition, offset
    LIMIT 1 BY ride_id, event_id
)
GROUP BY city
ORDER BY requests DESC, city
