/**
 * A month of ride events made inside ClickHouse, and the tables that Waymark would have filled from them. The same
 * number of rows gives the same rows, bit for bit: everything is a hash of the ride's number.
 *
 * Rides of 50 cities (the n-th has 1/n of the first one's traffic) begin over 30 days with a daily rhythm. A ride is
 * requested, accepted, started and completed, or cancelled (one in six) by its third event; one event in 200 is sent
 * twice. Records stand in 12 partitions in the order of the log's time, offsets without gaps.
 */
import type { Analytics } from "../src/sinks/analytics.ts";
import { minuteMs, secondMs } from "../src/time.ts";

const dayMs = 24 * 60 * minuteMs;
export const days = 30;
export const historyStartMs = Date.UTC(2026, 0, 1);
export const historyEndMs = historyStartMs + days * dayMs;
const partitions = 12;
/** Rows that 1,000 rides become: 2,000 of the first two events, 833 started, 833 completed, 167 cancelled, 19 copies, less what ends after the month. */
const rowsPerRide = 3.84;
/** Positions reach back so far from the end: more would not fit, at 99 of them to a ride event. */
const positionsMax = 10_000_000;
const positionsPerMinute = 50_000;

export async function fillHistory(analytics: Analytics, rows: number, said: (line: string) => void) {
  const rides = Math.round(rows / rowsPerRide);
  let ends: number[] = Array.from({ length: partitions }, () => 0);
  for (let day = 0; day < days; day++) {
    await analytics.command(rideEventsOf(day, rides, ends));
    ends = await endsNow(analytics);
    if (day > 0) await analytics.command(windowsOf(day - 1));
    if ((day + 1) % 10 === 0) said(`${day + 1} of ${days} days`);
  }
  await analytics.command(windowsOf(days - 1));
  await refuseDifference(analytics);
  await analytics.command(rideFacts);
  await analytics.command(notesOf("late_events", 1_000, "late"));
  await analytics.command(notesOf("dead_letters", 50_000, "field_invalid"));
  await analytics.command(alerts);
  await analytics.command(positions(Math.min(rows, positionsMax)));
}

/** Throws when an hour of the windows is not the hour of the raw events. */
async function refuseDifference(analytics: Analytics): Promise<void> {
  const [row] = await analytics.query<{ differing: string }>(
    `SELECT countIf(w.requests != e.requests OR w.total_events != e.total_events) AS differing
FROM (SELECT city, hour, requests, total_events FROM city_hours) AS w
FULL JOIN
(
    SELECT city, toStartOfHour(timestamp) AS hour, uniqExact(ride_id, event_id) AS total_events,
        uniqExactIf(ride_id, event_id, event_type = 'requested') AS requests
    FROM ride_events
    GROUP BY city, hour
) AS e USING (city, hour)`,
  );
  if (row?.differing !== "0") {
    throw new Error(`cannot measure: ${row?.differing} hours differ from the raw events; wanted 0`);
  }
}

async function endsNow(analytics: Analytics): Promise<number[]> {
  const rows = await analytics.query<{ partition: number; past: string }>(
    "SELECT partition, max(offset) + 1 AS past FROM ride_events GROUP BY partition ORDER BY partition",
  );
  return Array.from(
    { length: partitions },
    (_, p) => Number(rows.find((row) => row.partition === p)?.past ?? 0),
  );
}

/** A time of day that follows the rhythm of a city: by 4 in the morning a quarter of the traffic of the evening. */
const startMs = (rides: number) =>
  `${historyStartMs} + toInt64(${dayMs} * (${days} * ride / ${rides} - 0.095 * sin(2 * pi() * (${days} * ride / ${rides} - 0.17))))`;

const columns =
  "log_epoch, topic, partition, offset, log_time, replayed, event_type, ride_id, timestamp, event_id, " +
  "city, user_id, driver_id, pickup_lat, pickup_lng, dropoff_lat, dropoff_lng, estimated_fare, fare, cancelled_by, reason";

/** The records whose log time is on `day`: rides are looked at from a little before it. */
function rideEventsOf(day: number, rides: number, ends: readonly number[]): string {
  const rideAt = (d: number) => Math.round(Math.min(days, Math.max(0, d)) / days * rides);
  const [from, to] = [rideAt(day - 0.2), rideAt(day + 1.2)] as const;
  const [fromMs, toMs] = [historyStartMs + day * dayMs, historyStartMs + (day + 1) * dayMs];
  return `INSERT INTO ride_events (${columns})
WITH
    cityHash64(ride, 1) AS h,
    ride % 6 = 5 AS is_cancelled,
    multiIf(step = 0, 0, step = 1, 20 + h % 120, step = 2, 200 + h % 500, 700 + h % 1200) * 1000 + h % 997 AS after_ms
SELECT
    0, 'ride-events', partition,
    [${
    ends.join(", ")
  }][partition + 1] + row_number() OVER (PARTITION BY partition ORDER BY log_ms, ride, step, copy) - 1,
    fromUnixTimestamp64Milli(log_ms, 'UTC'), 1,
    multiIf(step = 0, 'requested', step = 1, 'accepted', is_cancelled, 'cancelled', step = 2, 'started', 'completed'),
    concat('ride-', toString(ride)),
    fromUnixTimestamp64Milli(time_ms, 'UTC'),
    hex(cityHash64(ride, step)),
    concat('city-', leftPad(toString(toUInt32(floor(pow(50, (h % 1000003) / 1000003)))), 2, '0')),
    concat('user-', toString(h % ${Math.ceil(rides / 20)})),
    if(step = 0, '', concat('driver-', toString(cityHash64(ride, 2) % 20000))),
    if(step = 0, 48 + (h % 10000) / 1e5, NULL), if(step = 0, 17 + (h % 9973) / 1e5, NULL),
    if(step = 0, 48 + (h % 9967) / 1e5, NULL), if(step = 0, 17 + (h % 9949) / 1e5, NULL),
    if(step = 0, toDecimal64((400 + h % 2600) / 100, 2), NULL),
    if(step = 3, toDecimal64((400 + h % 2700) / 100, 2), NULL),
    if(is_cancelled AND step = 2, ['rider', 'driver', 'system'][1 + h % 3], ''),
    if(is_cancelled AND step = 2, ['changed_mind', 'waited_too_long', 'no_show', 'no_driver', 'vehicle'][1 + h % 5], '')
FROM
(
    SELECT ride, step, copy, h, is_cancelled, toUInt32(cityHash64(ride, 3) % ${partitions}) AS partition,
        toInt64(${startMs(rides)}) + after_ms AS time_ms,
        time_ms + 50 + cityHash64(ride, step, copy) % 3000 + copy * 5000 AS log_ms
    FROM (SELECT number AS ride FROM numbers(${from}, ${to - from}))
    ARRAY JOIN [0, 1, 2, 3] AS step
    ARRAY JOIN if(cityHash64(ride, step, 4) % 200 = 0, [0, 1], [0]) AS copy
    WHERE NOT (is_cancelled AND step = 3) AND log_ms >= ${fromMs} AND log_ms < ${toMs}
)
SETTINGS max_partitions_per_insert_block = 0`;
}

/** The windows that start on `day`: of them some know events of the next one. */
function windowsOf(day: number): string {
  const [fromMs, toMs] = [historyStartMs + day * dayMs, historyStartMs + (day + 1) * dayMs];
  const time = (ms: number) => `fromUnixTimestamp64Milli(${ms}, 'UTC')`;
  return `INSERT INTO city_windows
WITH
    events AS
    (
        SELECT city, timestamp, event_type, ride_id, event_id, user_id, estimated_fare, fare, cancelled_by
        FROM ride_events
        WHERE log_time >= ${time(fromMs - 10 * minuteMs)} AND log_time < ${time(toMs + 10 * minuteMs)}
        LIMIT 1 BY ride_id, event_id
    ),
    panes AS
    (
        SELECT city, toStartOfMinute(timestamp) AS minute, count() AS total,
            countIf(event_type = 'requested') AS requested, countIf(event_type = 'accepted') AS accepted,
            countIf(event_type = 'started') AS started, countIf(event_type = 'completed') AS completed,
            countIf(cancelled_by = 'rider') AS by_rider, countIf(cancelled_by = 'driver') AS by_driver,
            countIf(cancelled_by = 'system') AS by_system, sum(estimated_fare) AS fares, count(estimated_fare) AS fares_n,
            sum(fare) AS earned, uniqExactState(cityHash64(user_id)) AS riders
        FROM events
        GROUP BY city, minute
    )
SELECT
    city, toDateTime64(minute - INTERVAL back MINUTE, 3, 'UTC') AS start, start + INTERVAL 5 MINUTE, 'final',
    1000000000000000000 + toUnixTimestamp(start), start + INTERVAL 330 SECOND,
    sum(total), sum(requested), sum(accepted), sum(started), sum(completed), sum(by_rider + by_driver + by_system) AS cancelled,
    if(sum(fares_n) = 0, NULL, sum(fares) / sum(fares_n)), uniqExactMerge(riders), 0,
    sum(completed) AS done, sum(by_rider), sum(by_driver), sum(by_system),
    if(done + cancelled = 0, NULL, done / (done + cancelled)), if(done + cancelled = 0, NULL, cancelled / (done + cancelled)),
    ifNull(sum(earned), 0), 30 + cityHash64(city, start) % 60, 90 + cityHash64(city, start) % 120, 0,
    sum(requested), 10 + cityHash64(city, start, 1) % 90, 5 + cityHash64(city, start, 2) % 90,
    0.5, 1 + (cityHash64(city, start) % 10) / 10
FROM panes
ARRAY JOIN range(5) AS back
GROUP BY city, start
HAVING start >= ${time(fromMs)} AND start < ${time(toMs)}
SETTINGS max_partitions_per_insert_block = 0`;
}

const rideFacts = `INSERT INTO ride_facts
    (fact_id, generation, source_log_epoch, source_topic, source_partition, source_offset, source_n, log_time, replayed,
     ride_id, city, outcome, cancelled_by, reason, driver_id, user_id, ended_at, requested_at, accepted_at,
     request_to_accept_s, attempts, fare, anomalies)
SELECT
    concat('0/ride-events/', toString(partition), '/', toString(offset), '/0'), 1, log_epoch, topic, partition, offset, 0,
    log_time, 1, ride_id, city, event_type, cancelled_by, reason, driver_id, user_id, timestamp,
    timestamp - INTERVAL 10 MINUTE, timestamp - INTERVAL 9 MINUTE, 60, 1, fare, []
FROM ride_events
WHERE event_type IN ('completed', 'cancelled') AND cityHash64(ride_id, event_id) % 200 != 0
SETTINGS max_partitions_per_insert_block = 0`;

const notesOf = (table: "late_events" | "dead_letters", oneIn: number, reason: string) => {
  const late = table === "late_events";
  return `INSERT INTO ${table}
    (log_epoch, topic, partition, offset, log_time, replayed, reason, message, key, value${
    late ? ", event_time, late_ms" : ""
  })
SELECT log_epoch, topic, partition, offset, log_time, 1, '${reason}', '', ride_id,
    concat('{"ride_id":"', ride_id, '"}')${late ? ", timestamp - INTERVAL 1 MINUTE, 60000" : ""}
FROM ride_events
WHERE cityHash64(ride_id, event_id, 5) % ${oneIn} = 0
SETTINGS max_partitions_per_insert_block = 0`;
};

const alerts = `INSERT INTO alerts
SELECT concat('alert-', toString(intDiv(number, 3))), 'cancellation_rate_high',
    concat('city-', leftPad(toString(1 + intDiv(number, 3) % 50), 2, '0')),
    ['pending', 'firing', 'resolved'][1 + number % 3] AS state,
    fromUnixTimestamp64Milli(${historyStartMs} + intDiv(number, 3) * 3600000 + number % 3 * 300000, 'UTC') AS since, since,
    0.4, 0.3, since - INTERVAL 5 MINUTE, since, number, map('cancelled', 40.), 'Many cancellations', 'key'
FROM numbers(${days * 24 * 3})
SETTINGS max_partitions_per_insert_block = 0`;

/** Positions at the blueprint's rate up to the end of the month. */
const positions = (rows: number) =>
  `INSERT INTO driver_locations
    (log_epoch, topic, partition, offset, log_time, replayed, driver_id, timestamp, event_id, lat, lng, city, status, ride_id)
WITH fromUnixTimestamp64Milli(toInt64(${historyEndMs} - ${rows} * ${60 * secondMs / positionsPerMinute} +
    number * ${60 * secondMs / positionsPerMinute}), 'UTC') AS at
SELECT 0, 'driver-locations', number % 24, intDiv(number, 24), at, 1, concat('driver-', toString(cityHash64(number) % 4000)),
    at - INTERVAL 1 SECOND, '', 48 + (number % 10007) / 1e5, 17 + (number % 9973) / 1e5,
    concat('city-', leftPad(toString(1 + number % 50), 2, '0')), 'available', ''
FROM numbers(${rows})
SETTINGS max_partitions_per_insert_block = 0`;
