-- What happened in the chosen cities, per minute and kind of event: the mean over each closed window.
SELECT
    $__timeInterval(window_end) AS time,
    uniqExact(window_start) AS windows,
    sum(requests / dateDiff('minute', window_start, window_end)) / windows AS requested,
    sum(acceptances / dateDiff('minute', window_start, window_end)) / windows AS accepted,
    sum(starts / dateDiff('minute', window_start, window_end)) / windows AS started,
    sum(completions / dateDiff('minute', window_start, window_end)) / windows AS completed,
    sum(cancellations / dateDiff('minute', window_start, window_end)) / windows AS cancelled
FROM city_windows FINAL
WHERE city IN (${city:sqlstring}) AND $__timeFilter(window_start) AND kind != 'update'
GROUP BY time
ORDER BY time
