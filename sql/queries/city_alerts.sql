-- The history of a city's alerts, latest first.
SELECT at AS time, city, rule, state, since, value, threshold, summary
FROM alerts FINAL
WHERE city IN (${city:sqlstring}) AND $__timeFilter(at)
ORDER BY time DESC, city, rule, rev DESC
LIMIT 100
