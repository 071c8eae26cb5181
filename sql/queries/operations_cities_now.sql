-- One line per city, worst first: its last closed window in the chosen time, and the state of its alert as of then.
--
-- FINAL takes the newest version of a window. A window that is still open ('update') would show a city as quiet.
WITH
    newest AS
    (
        SELECT *
        FROM city_windows FINAL
        WHERE city IN (${city:sqlstring}) AND $__timeFilter(window_start) AND kind != 'update'
        ORDER BY window_end DESC
        LIMIT 1 BY city
    ),
    alarms AS
    (
        SELECT city, argMax(state, (window_end, rev)) AS alert, argMax(since, (window_end, rev)) AS alert_since
        FROM alerts FINAL
        WHERE city IN (${city:sqlstring}) AND window_end <= $__toTime
        GROUP BY city
    )
SELECT
    newest.city AS city,
    if(alarms.alert = '', 'resolved', alarms.alert) AS alert,
    newest.window_end AS complete_to,
    round(requests / dateDiff('minute', window_start, newest.window_end), 1) AS requests_per_minute,
    newest.completion_rate AS completion_rate,
    newest.cancellation_rate AS cancellation_rate,
    rides_cancelled_by_rider AS by_rider,
    rides_cancelled_by_driver AS by_driver,
    rides_cancelled_by_system AS by_system,
    newest.request_to_accept_p50_s AS request_to_accept_p50_s,
    newest.open_requests AS open_requests,
    newest.available_drivers AS available_drivers,
    newest.utilisation AS utilisation,
    newest.surge AS surge
FROM newest
LEFT JOIN alarms ON alarms.city = newest.city
ORDER BY alert = 'firing' DESC, alert = 'pending' DESC, cancellation_rate DESC NULLS LAST, city
