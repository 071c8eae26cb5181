-- Different riders per city within one window; of the windows of a point the greatest number. Numbers of windows
-- cannot be added up: a rider is in several.
SELECT
    $__timeInterval(window_end) AS time,
    city,
    max(unique_riders) AS riders
FROM city_windows FINAL
WHERE city IN (${city:sqlstring}) AND $__timeFilter(window_start) AND kind != 'update'
GROUP BY time, city
ORDER BY time, city
