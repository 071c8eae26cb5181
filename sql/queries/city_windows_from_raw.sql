-- The first group of every city window, computed again from the raw log: what `city_windows` must equal.
--
-- 1. Records that became dead letters are left out (those that could not be decoded are not in ride_events at all).
-- 2. Events that were too late (in late_events with reason 'too_late') are left out.
-- 3. Of the copies of an event (same event_id within a ride) that are left, the first in partition order is the event.
-- 4. An event's city is its own, else the ride's first city seen so far in partition order, else 'unknown'.
-- 5. Events are summed up per city and minute, and every minute into the windows that contain it.
--
-- Copies may state different times, so {from} and {to} choose windows (by start, [from, to)) at the end, not events
-- at the beginning. Riders are distinct by id over the whole window. Fares are summed in cents, halves round up.
WITH
    refused AS (SELECT log_epoch, topic, partition, offset FROM dead_letters_final),
    too_late AS (SELECT log_epoch, topic, partition, offset FROM late_events_final WHERE reason = 'too_late'),
    first_copies AS
    (
        SELECT log_epoch, topic, partition, offset, ride_id, event_type, timestamp, city AS own_city, user_id, estimated_fare
        FROM ride_events_final
        WHERE (log_epoch, topic, partition, offset) NOT IN refused AND (log_epoch, topic, partition, offset) NOT IN too_late
        ORDER BY log_epoch, topic, partition, offset
        LIMIT 1 BY log_epoch, topic, partition, ride_id, event_id
    ),
    resolved AS
    (
        SELECT
            event_type, timestamp, user_id, estimated_fare,
            argMinIf(own_city, offset, own_city != '') OVER rides AS ride_city,
            multiIf(own_city != '', own_city, ride_city != '', ride_city, 'unknown') AS city
        FROM first_copies
        WINDOW rides AS
        (
            PARTITION BY log_epoch, topic, partition, ride_id
            ORDER BY offset
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        )
    ),
    panes AS
    (
        SELECT
            city,
            toStartOfMinute(timestamp) AS minute,
            count() AS events,
            countIf(event_type = 'requested') AS requested,
            countIf(event_type = 'accepted') AS accepted,
            countIf(event_type = 'started') AS started,
            countIf(event_type = 'completed') AS completed,
            countIf(event_type = 'cancelled') AS cancelled,
            count(estimated_fare) AS fares,
            toInt64(sum(estimated_fare) * 100) AS fare_cents,
            uniqExactIfState(user_id, user_id != '') AS riders
        FROM resolved
        GROUP BY city, minute
    )
SELECT
    city,
    toDateTime64(minute - INTERVAL back MINUTE, 3, 'UTC') AS window_start,
    window_start + INTERVAL {window_minutes:UInt16} MINUTE AS window_end,
    toUInt32(sum(events)) AS total_events,
    toUInt32(sum(requested)) AS requests,
    toUInt32(sum(accepted)) AS acceptances,
    toUInt32(sum(started)) AS starts,
    toUInt32(sum(completed)) AS completions,
    toUInt32(sum(cancelled)) AS cancellations,
    if(sum(fares) = 0, NULL, intDiv(2 * sum(fare_cents) + sum(fares), 2 * sum(fares)) / 100) AS avg_fare,
    toUInt32(uniqExactIfMerge(riders)) AS unique_riders
FROM panes
ARRAY JOIN range({window_minutes:UInt16}) AS back
GROUP BY city, window_start, window_end
HAVING window_start >= {from:DateTime64(3, 'UTC')} AND window_start < {to:DateTime64(3, 'UTC')}
ORDER BY city, window_start
