-- The last cancelled rides, with who cancelled and why.
--
-- Of a ride the newest fact holds: a cancel by the driver is taken back when another driver takes over. So a ride that
-- has a cancel in the chosen time is looked at whole, its newest fact chosen (copies and older generations fall away
-- with it), and only then asked where and when it ended. Facts are found by their log time, from an hour before the
-- chosen time (clocks ahead) to a day after it (events that came late).
SELECT
    ended_at AS time, ride_id, city, cancelled_by, reason, driver_id,
    dateDiff('second', requested_at, ended_at) AS waited_s, attempts, anomalies
FROM
(
    SELECT *
    FROM ride_facts
    WHERE log_time >= $__fromTime - INTERVAL 1 HOUR AND log_time <= $__toTime + INTERVAL 1 DAY
        AND ride_id IN
        (
            SELECT ride_id
            FROM ride_facts
            WHERE log_time >= $__fromTime - INTERVAL 1 HOUR AND log_time <= $__toTime + INTERVAL 1 DAY
                AND outcome = 'cancelled' AND city IN (${city:sqlstring}) AND $__timeFilter(ended_at)
        )
    ORDER BY source_log_epoch DESC, source_offset DESC, source_n DESC, generation DESC
    LIMIT 1 BY ride_id
)
WHERE outcome = 'cancelled' AND city IN (${city:sqlstring}) AND $__timeFilter(ended_at)
ORDER BY time DESC, ride_id
LIMIT 50
