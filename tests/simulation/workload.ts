/**
 * What producers send: rides of which each has a number per event and whole cents, so that everything that is to
 * come out of them has a closed form; positions; and everything that goes wrong on the way of an event.
 *
 *   ride r: requested (0) → accepted (1) → started (2) → completed | cancelled (3)     one end, whatever comes twice
 */
import { utf8 } from "../../src/ids.ts";
import { isoTime, minuteMs, secondMs } from "../../src/time.ts";
import { poisonItem, poisonNames } from "../../src/traffic/poison.ts";
import { type Random, randomFrom } from "../../src/traffic/random.ts";
import { refusedMark } from "./clickhouse_twin.ts";
import type { Plan } from "./plan.ts";

export type Sent = {
  atMs: number;
  topic: "ride-events" | "driver-locations";
  key: string;
  value: Uint8Array;
};

const cityNames = ["alder", "birch", "cedar"];
const yearMs = 365 * 24 * 60 * minuteMs;

/** What becomes of what a silent partition would get: nothing, or it comes when the silence is over. */
export type Silence = { untilMs: number; held: boolean } | null;

/** Everything by sending time; `atMs` counts from the start of the simulation, `startMs` is its wall clock then. */
export function workloadOf(
  plan: Plan,
  startMs: number,
  silence: (key: string, atMs: number) => Silence,
): Sent[] {
  const random = randomFrom(plan.seed, "workload");
  const disturb = randomFrom(plan.seed, "disturbances");
  const sent: Sent[] = [];
  const send = (item: Omit<Sent, "value"> & { value: object | string | Uint8Array }) => {
    if (item.atMs >= plan.trafficMs + 4 * minuteMs) return;
    const quiet = item.topic === "ride-events" ? silence(item.key, item.atMs) : null;
    if (quiet !== null && !quiet.held) return;
    const { value } = item;
    const bytes = value instanceof Uint8Array
      ? value
      : utf8(typeof value === "string" ? value : JSON.stringify(value));
    sent.push({ ...item, atMs: quiet?.untilMs ?? item.atMs, value: bytes });
  };
  const minutes = Math.ceil(plan.trafficMs / minuteMs);
  const stormFrom = 2 + random.below(Math.max(1, minutes - 8));
  for (let minute = 0; minute < minutes; minute++) {
    for (let n = 0; n < plan.ridesPerMinute; n++) {
      const city = cityNames[random.below(plan.cities)]!;
      const isStorm = city === "alder" && minute >= stormFrom && minute < stormFrom + 9;
      ride(`ride-${minute}-${n}`, minute * minuteMs + random.below(minuteMs), city, isStorm);
    }
  }
  positions();
  return sent.sort((a, b) => a.atMs - b.atMs);

  function ride(id: string, requestedMs: number, city: string, isStorm: boolean): void {
    const rider = `rider-${random.below(60)}`;
    const namesCity = random.chance(0.6);
    const namesEvents = random.chance(0.6);
    const endsBy = random.chance(isStorm ? 0.8 : 0.1) ? random.below(3) : 3;
    const refused = disturb.chance(plan.rates.row_refused) ? { driver_id: refusedMark } : {};
    let atMs = requestedMs;
    for (let seq = 0; seq <= endsBy; seq++) {
      const isEnd = seq === endsBy;
      const type = isEnd
        ? (endsBy === 3 ? "completed" : "cancelled")
        : ["requested", "accepted", "started"][seq]!;
      event(id, seq, atMs, {
        event_type: type,
        ride_id: id,
        ...(namesEvents && { event_id: `${id}-${seq}` }),
        ...(seq === 0 || namesCity ? { city } : {}),
        ...(seq === 0 && { user_id: rider, estimated_fare: (500 + random.below(4_000)) / 100 }),
        ...(type === "accepted" && { driver_id: `driver-${random.below(9)}` }),
        ...(type === "completed" && { fare: (500 + random.below(4_000)) / 100 }),
        // By a driver only where nothing was accepted: an accept after it would begin the ride again.
        ...(type === "cancelled" &&
          { cancelled_by: ["rider", "system", "driver"][random.below(seq === 0 ? 3 : 2)] }),
        ...refused,
      });
      atMs += (5 + random.below(seq === 2 ? 200 : 50)) * secondMs;
    }
  }

  function event(id: string, seq: number, atMs: number, fields: object): void {
    const { rates, settings } = plan;
    const clockMs = disturb.chance(rates.bad_clocks) ? wrongClock(disturb) : 0;
    const value = { timestamp: isoTime(startMs + atMs + clockMs), ...fields };
    const at = (heldMs: number) => send({ atMs: atMs + heldMs, topic: "ride-events", key: id, value });
    // The first event of a ride names its city: later ones would be of another one if it came after them.
    const heldMs = seq === 0
      ? disturb.below(secondMs)
      : disturb.chance(rates.too_late)
      ? settings.latenessMs + disturb.below(4 * minuteMs)
      : disturb.chance(rates.late)
      ? settings.delayMs + disturb.below(settings.latenessMs)
      : disturb.chance(rates.disorder)
      ? disturb.below(25 * secondMs)
      : disturb.below(secondMs);
    at(heldMs);
    for (let n = disturb.below(3); disturb.chance(rates.duplicates) && n >= 0; n--) {
      at(heldMs + disturb.below(disturb.chance(0.3) ? settings.endedRideMs : 20 * secondMs));
    }
    if (disturb.chance(rates.poison)) {
      const kind = poisonNames[disturb.below(poisonNames.length)]!;
      const poison = poisonItem(kind, {
        id: `${id}-poison`,
        stamp: isoTime(startMs + atMs),
        recordedAtMs: startMs + atMs,
      });
      send({ atMs, topic: poison.topic, key: poison.key, value: poison.value });
    }
  }

  function positions(): void {
    for (let n = 0; n < plan.drivers; n++) {
      const id = `driver-${n}`;
      let city = cityNames[random.below(plan.cities)]!;
      for (let atMs = random.below(30 * secondMs); atMs < plan.trafficMs; atMs += 20 * secondMs) {
        if (random.chance(0.02)) city = cityNames[random.below(plan.cities)]!;
        const status = ["available", "en_route", "on_trip", "offline"][random.below(4)]!;
        const place = { lat: 48 + random.uniform(), lng: 17 + random.uniform() };
        const value = { driver_id: id, timestamp: isoTime(startMs + atMs), city, status, ...place };
        const heldMs = disturb.chance(plan.rates.disorder)
          ? disturb.below(25 * secondMs)
          : disturb.below(secondMs);
        send({ atMs: atMs + heldMs, topic: "driver-locations", key: id, value });
        if (disturb.chance(plan.rates.duplicates)) {
          send({ atMs: atMs + heldMs + disturb.below(minuteMs), topic: "driver-locations", key: id, value });
        }
      }
    }
  }
}

const wrongClock = (random: Random): number =>
  [
    4 * secondMs,
    30 * secondMs,
    24 * 60 * minuteMs,
    10 * yearMs,
    -yearMs,
    -24 * 60 * minuteMs,
  ][random.below(6)]!;
