-- The share of drivers with a ride, per city: the windows' own figure where a point is one window.
SELECT
    $__timeInterval(window_end) AS time,
    city,
    sum(busy_drivers) AS busy,
    sum(available_drivers) AS available,
    if(busy + available = 0, NULL, floor(busy / (busy + available) * 10000 + 0.5) / 10000) AS utilisation
FROM city_windows FINAL
WHERE city IN (${city:sqlstring}) AND $__timeFilter(window_start) AND kind != 'update'
GROUP BY time, city
ORDER BY time, city
