-- Cancelled rides per minute over the chosen cities, by who cancelled.
SELECT
    $__timeInterval(window_end) AS time,
    uniqExact(window_start) AS windows,
    sum(rides_cancelled_by_rider / dateDiff('minute', window_start, window_end)) / windows AS rider,
    sum(rides_cancelled_by_driver / dateDiff('minute', window_start, window_end)) / windows AS driver,
    sum(rides_cancelled_by_system / dateDiff('minute', window_start, window_end)) / windows AS system
FROM city_windows FINAL
WHERE city IN (${city:sqlstring}) AND $__timeFilter(window_start) AND kind != 'update'
GROUP BY time
ORDER BY time
