-- How rides ended, by outcome, who cancelled and why. The newest fact of a ride holds: see city_last_cancelled_rides.
SELECT outcome, cancelled_by, reason, count() AS rides
FROM
(
    SELECT ride_id, city, outcome, cancelled_by, reason, ended_at
    FROM ride_facts
    WHERE log_time >= $__fromTime - INTERVAL 1 HOUR AND log_time <= $__toTime + INTERVAL 1 DAY
        AND ride_id IN
        (
            SELECT ride_id
            FROM ride_facts
            WHERE log_time >= $__fromTime - INTERVAL 1 HOUR AND log_time <= $__toTime + INTERVAL 1 DAY
                AND city IN (${city:sqlstring}) AND $__timeFilter(ended_at)
        )
    ORDER BY source_log_epoch DESC, source_offset DESC, source_n DESC, generation DESC
    LIMIT 1 BY ride_id
)
WHERE outcome != 'taken_back' AND city IN (${city:sqlstring}) AND $__timeFilter(ended_at)
GROUP BY outcome, cancelled_by, reason
ORDER BY rides DESC, outcome, cancelled_by, reason
LIMIT 50
