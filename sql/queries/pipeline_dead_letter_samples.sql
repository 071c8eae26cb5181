-- The latest dead letter of each topic and reason: where it stands in the log, what was wrong, how it begins.
SELECT log_time, topic, partition, offset, reason, message, substringUTF8(toValidUTF8(value), 1, 300) AS value_start
FROM dead_letters_final
WHERE $__timeFilter(log_time)
ORDER BY log_time DESC, topic, partition, offset DESC
LIMIT 1 BY topic, reason
LIMIT 50
