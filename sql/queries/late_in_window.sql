-- Ride events of [{from}, {to}) that came behind their partition's watermark and name {city}, or no city at all.
--
-- No event is folded that is more than a day ahead of its record's log time: bounding log_time chooses the partitions.
SELECT
    topic,
    partition,
    reason,
    JSONExtractString(value, 'city') != '' AS names_city,
    count() AS events,
    max(late_ms) / 1000 AS late_seconds_max,
    min(offset) AS first_offset,
    max(offset) AS last_offset
FROM late_events_final
WHERE topic = {topic:String}
    AND event_time >= {from:DateTime64(3, 'UTC')} AND event_time < {to:DateTime64(3, 'UTC')}
    AND log_time >= {from:DateTime64(3, 'UTC')} - INTERVAL 1 DAY
    AND JSONExtractString(value, 'city') IN ({city:String}, '')
GROUP BY topic, partition, reason, names_city
ORDER BY partition, reason, names_city DESC
