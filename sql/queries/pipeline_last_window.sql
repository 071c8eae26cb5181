-- How many seconds before the end of the chosen time the last closed window of any city ended. At the live edge a
-- healthy pipeline stays below two minutes: a window closes once a minute, 30 s behind.
SELECT
    max(window_end) AS complete_to,
    dateDiff('second', complete_to, toDateTime64($__toTime, 3, 'UTC')) AS seconds_ago
FROM city_windows FINAL
WHERE $__timeFilter(window_start) AND kind != 'update' AND window_end <= $__toTime
