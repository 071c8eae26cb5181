-- Records that could not be folded, by source topic and reason.
SELECT $__timeInterval(log_time) AS time, topic, reason, count() AS records
FROM dead_letters_final
WHERE $__timeFilter(log_time)
GROUP BY time, topic, reason
ORDER BY time, topic, reason
