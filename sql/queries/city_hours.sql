-- Hour by hour, per city: exact sums, see the view city_hours.
SELECT *
FROM city_hours
WHERE city IN (${city:sqlstring}) AND $__timeFilter(hour)
ORDER BY hour, city
