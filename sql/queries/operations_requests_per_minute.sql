-- Requests per minute and city: the mean over each closed window, drawn at the window's end.
SELECT
    $__timeInterval(window_end) AS time,
    city,
    avg(requests / dateDiff('minute', window_start, window_end)) AS requests_per_minute
FROM city_windows FINAL
WHERE city IN (${city:sqlstring}) AND $__timeFilter(window_start) AND kind != 'update'
GROUP BY time, city
ORDER BY time, city
