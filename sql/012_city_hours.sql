-- Hour by hour, per city: the rollup for weeks and months.
--
-- Engine     A plain view over FINAL: it cannot be wrong while a window is revised, and needs no refreshing. (A
--            refreshed table was the other choice: the embedded ClickHouse refuses one in its default database, and
--            a month of fifty cities, 1.3 million windows, is summed in 0.1 s on two cores.)
-- Rows       Of the sliding windows those that do not overlap: start at a multiple of their length. Each event and
--            each ride's outcome is in exactly one of them.
-- Exact      For window lengths that divide an hour. `windows_open` counts windows that are not closed yet: 0 says
--            that the hour is complete but for late events. Riders are in several windows and so cannot be added up.
CREATE VIEW IF NOT EXISTS city_hours AS
SELECT
    city,
    toStartOfHour(window_start) AS hour,
    countIf(kind = 'update') AS windows_open,
    sum(w.total_events) AS total_events,
    sum(w.requests) AS requests,
    sum(w.acceptances) AS acceptances,
    sum(w.starts) AS starts,
    sum(w.completions) AS completions,
    sum(w.cancellations) AS cancellations,
    sum(w.rides_completed) AS rides_completed,
    sum(w.rides_cancelled_by_rider) AS rides_cancelled_by_rider,
    sum(w.rides_cancelled_by_driver) AS rides_cancelled_by_driver,
    sum(w.rides_cancelled_by_system) AS rides_cancelled_by_system,
    rides_cancelled_by_rider + rides_cancelled_by_driver + rides_cancelled_by_system AS rides_cancelled,
    if(rides_completed + rides_cancelled = 0, NULL, rides_completed / (rides_completed + rides_cancelled)) AS completion_rate,
    if(rides_completed + rides_cancelled = 0, NULL, rides_cancelled / (rides_completed + rides_cancelled)) AS cancellation_rate,
    sum(w.revenue) AS revenue,
    sum(w.anomalies) AS anomalies
FROM city_windows AS w FINAL
WHERE toUnixTimestamp(window_start) % dateDiff('second', window_start, window_end) = 0
GROUP BY city, hour;
