-- The cities with most requests in the chosen time, with exact sums: of the sliding windows only those are added up
-- that do not overlap.
SELECT
    city,
    sum(requests) AS requests,
    sum(rides_completed) AS completed,
    sum(rides_cancelled_by_rider) AS cancelled_by_rider,
    sum(rides_cancelled_by_driver) AS cancelled_by_driver,
    sum(rides_cancelled_by_system) AS cancelled_by_system,
    if(completed + cancelled_by_rider + cancelled_by_driver + cancelled_by_system = 0, NULL,
        completed / (completed + cancelled_by_rider + cancelled_by_driver + cancelled_by_system)) AS completion_rate,
    toFloat64(sum(revenue)) AS revenue
FROM city_windows FINAL
WHERE city IN (${city:sqlstring}) AND $__timeFilter(window_start)
    AND toUnixTimestamp(window_start) % dateDiff('second', window_start, window_end) = 0
GROUP BY city
ORDER BY requests DESC, city
LIMIT 20
