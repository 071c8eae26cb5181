-- Minute by minute, per city, from the raw events as they were sent.
--
-- Engine     A plain view. Each event is counted once by its identity, event_id within a ride: that takes out what a
--            producer sent twice and what the sink inserted twice, without FINAL. Ask for a range of `minute`: it
--            reaches the minmax index of `timestamp`.
-- Exact      Differs from the windows where they know more than one row: an event that was too late, refused, or
--            copied with another time is here, and one without a city is 'unknown' instead of in its ride's city.
--            city_windows_from_raw with windows of one minute has all of that, and reads everything for it.
CREATE VIEW IF NOT EXISTS city_minutes AS
SELECT
    if(e.city = '', 'unknown', e.city) AS city,
    toStartOfMinute(timestamp) AS minute,
    uniqExact(ride_id, event_id) AS total_events,
    uniqExactIf(ride_id, event_id, event_type = 'requested') AS requests,
    uniqExactIf(ride_id, event_id, event_type = 'accepted') AS acceptances,
    uniqExactIf(ride_id, event_id, event_type = 'started') AS starts,
    uniqExactIf(ride_id, event_id, event_type = 'completed') AS completions,
    uniqExactIf(ride_id, event_id, event_type = 'cancelled') AS cancellations,
    uniqExactIf(user_id, user_id != '') AS unique_riders
FROM ride_events AS e
GROUP BY city, minute;
