-- Revenue per hour and city: what the windows of a point earned, as if for an hour.
SELECT
    $__timeInterval(window_end) AS time,
    city,
    60 * avg(toFloat64(revenue) / dateDiff('minute', window_start, window_end)) AS revenue_per_hour
FROM city_windows FINAL
WHERE city IN (${city:sqlstring}) AND $__timeFilter(window_start) AND kind != 'update'
GROUP BY time, city
ORDER BY time, city
