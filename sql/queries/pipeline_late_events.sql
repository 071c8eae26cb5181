-- Events behind their partition's watermark, by reason: 'late' is still counted, 'too_late' is not.
SELECT $__timeInterval(log_time) AS time, reason, count() AS events, max(late_ms) / 1000 AS late_s_max
FROM late_events_final
WHERE $__timeFilter(log_time)
GROUP BY time, reason
ORDER BY time, reason
