-- Seconds from request to accept, per city: of the windows of a point the slowest. Above 90 s more riders cancel.
SELECT
    $__timeInterval(window_end) AS time,
    city,
    max(request_to_accept_p50_s) AS p50,
    max(request_to_accept_p90_s) AS p90
FROM city_windows FINAL
WHERE city IN (${city:sqlstring}) AND $__timeFilter(window_start) AND kind != 'update'
GROUP BY time, city
ORDER BY time, city
