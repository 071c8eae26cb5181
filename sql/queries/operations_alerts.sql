-- Alerts as annotations: a mark where one began to fire, was resolved, or lost its data.
SELECT
    at AS time,
    concat(city, ': ', rule, ' ', state) AS title,
    summary AS text,
    [rule, toString(state), city] AS tags
FROM alerts FINAL
WHERE city IN (${city:sqlstring}) AND $__timeFilter(at) AND state != 'pending'
ORDER BY time, title
