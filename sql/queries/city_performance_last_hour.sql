-- How each city did in the hour up to {now}: requests, completions, cancellations, completion rate, mean fare.
--
-- ride_events keeps every record of the log. FINAL takes out what the sink inserted twice (same offset); a producer's
-- duplicate is another record with another offset and the same event_id, and is taken out by LIMIT 1 BY, which keeps
-- the first. Times are event times; `now` is bound, so that yesterday can be asked about.
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
    FROM ride_events FINAL
    WHERE timestamp > {now:DateTime64(3, 'UTC')} - INTERVAL 1 HOUR AND timestamp <= {now:DateTime64(3, 'UTC')}
    ORDER BY log_epoch, topic, partition, offset
    LIMIT 1 BY ride_id, event_id
)
GROUP BY city
ORDER BY requests DESC, city
SETTINGS do_not_merge_across_partitions_select_final = 1, use_skip_indexes_if_final = 1
