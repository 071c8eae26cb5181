-- Cancelled rides as a share of ended rides, per city: the windows' own figure where a point is one window. The alert
-- fires above 0.3 for five minutes.
SELECT
    $__timeInterval(window_end) AS time,
    city,
    sum(rides_completed) AS completed,
    sum(rides_cancelled_by_rider + rides_cancelled_by_driver + rides_cancelled_by_system) AS cancelled,
    if(completed + cancelled = 0, NULL, floor(cancelled / (completed + cancelled) * 10000 + 0.5) / 10000) AS cancellation_rate
FROM city_windows FINAL
WHERE city IN (${city:sqlstring}) AND $__timeFilter(window_start) AND kind != 'update'
GROUP BY time, city
ORDER BY time, city
