-- Open requests against drivers over the chosen cities, as of the windows' ends.
SELECT
    $__timeInterval(window_end) AS time,
    uniqExact(window_start) AS windows,
    sum(open_requests) / windows AS open_requests,
    sum(available_drivers) / windows AS available_drivers,
    sum(busy_drivers) / windows AS busy_drivers
FROM city_windows FINAL
WHERE city IN (${city:sqlstring}) AND $__timeFilter(window_start) AND kind != 'update'
GROUP BY time
ORDER BY time
