/**
 * How much one key and one ride may send: token buckets, each kept as the one moment at which it is full again.
 *
 * A rate of R with a burst of B milliseconds takes R × B / 1000 at once, and R a second after that. What is larger than
 * a whole burst is taken by a full bucket, which then is in debt: batches are never refused for good.
 *
 *   key   requests, before anything is read · items, before any is judged     as many buckets as there are keys
 *   ride  events of one ride_id                                               two generations of buckets, bounded
 *
 * A bucket of a ride that nobody has touched for a burst is full, so forgetting it changes nothing: the younger
 * generation becomes the older one after each burst, and the older one goes. It also does when there are too many
 * rides at once, which forgives some of them and is the price of bounded memory. Pure but for the clock it is given.
 */
import type { Config } from "../config.ts";
import type { Clock } from "../time.ts";
import type { DoorBounds } from "./bounds.ts";
import { refuse, type Refused } from "./errors.ts";

/** A second, and burst in milliseconds; a rate of 0 is none. */
export type Rates = {
  keyRequests: number;
  keyEvents: number;
  keyBurstMs: number;
  rideEvents: number;
  rideBurstMs: number;
};

export const ratesOf = (config: Config): Rates => ({
  keyRequests: config.WAYMARK_KEY_REQUESTS_PER_S,
  keyEvents: config.WAYMARK_KEY_EVENTS_PER_S,
  keyBurstMs: config.WAYMARK_KEY_BURST_MS,
  rideEvents: config.WAYMARK_RIDE_EVENTS_PER_S,
  rideBurstMs: config.WAYMARK_RIDE_BURST_MS,
});

export const noRates: Rates = { keyRequests: 0, keyEvents: 0, keyBurstMs: 1, rideEvents: 0, rideBurstMs: 1 };

export type RateLimits = {
  /** Null when the request may go on. */
  request(key: string | null): Refused | null;
  /** The items of one request, all or none. */
  items(key: string | null, count: number): Refused | null;
  /** Milliseconds until one more event of the ride is taken; 0 when it just was. */
  ride(rideId: string): number;
  /** Rides remembered: for the test of the bound. */
  rides(): number;
};

/** When the bucket will be full again, by what it is called. */
type Buckets = Map<string, number>;

export function createRateLimits(
  rates: Rates,
  { clock, bounds }: { clock: Pick<Clock, "monotonicMs">; bounds: Pick<DoorBounds, "limitedRidesMax"> },
): RateLimits {
  const requests: Buckets = new Map();
  const items: Buckets = new Map();
  let [young, old]: [Buckets, Buckets] = [new Map(), new Map()];
  let youngSinceMs = clock.monotonicMs();

  function ofKey(
    buckets: Buckets,
    key: string | null,
    count: number,
    what: "requests" | "items",
  ): Refused | null {
    const rate = what === "requests" ? rates.keyRequests : rates.keyEvents;
    if (rate === 0 || count === 0) return null;
    const name = key ?? "";
    const nowMs = clock.monotonicMs();
    const taken = take(buckets.get(name), { nowMs, count, rate, burstMs: rates.keyBurstMs });
    if (taken.ok) {
      buckets.set(name, taken.fullMs);
      return null;
    }
    const retry = Math.ceil(taken.waitMs / 1_000);
    const message =
      `${key === null ? "callers without a key" : `the key ${key}`} may send ${rate} ${what} a second; ` +
      `try again in ${retry} s`;
    return refuse("key_rate_exceeded", message, { headers: { "retry-after": String(retry) } });
  }

  function turn(nowMs: number): void {
    if (nowMs - youngSinceMs < rates.rideBurstMs && young.size < bounds.limitedRidesMax / 2) return;
    // Nothing for two generations: what is in the young one is full as well.
    old = nowMs - youngSinceMs < 2 * rates.rideBurstMs ? young : new Map();
    young = new Map();
    youngSinceMs = nowMs;
  }

  return {
    request: (key) => ofKey(requests, key, 1, "requests"),
    items: (key, count) => ofKey(items, key, count, "items"),
    ride(rideId) {
      if (rates.rideEvents === 0) return 0;
      const nowMs = clock.monotonicMs();
      turn(nowMs);
      const fullMs = young.get(rideId) ?? old.get(rideId);
      const taken = take(fullMs, { nowMs, count: 1, rate: rates.rideEvents, burstMs: rates.rideBurstMs });
      if (!taken.ok) return taken.waitMs;
      young.set(rideId, taken.fullMs);
      return 0;
    },
    rides: () => young.size + old.size,
  };
}

type Taking = { nowMs: number; count: number; rate: number; burstMs: number };

/** The generic cell rate algorithm (ITU-T I.371), with debt for what is larger than a burst. */
function take(
  fullMs: number | undefined,
  { nowMs, count, rate, burstMs }: Taking,
): { ok: true; fullMs: number } | { ok: false; waitMs: number } {
  const from = Math.max(fullMs ?? nowMs, nowMs);
  const costMs = count * 1_000 / rate;
  const waitMs = from + Math.min(costMs, burstMs) - nowMs - burstMs;
  // A thousandth of a millisecond is the clock's own error.
  return waitMs > 0.001 ? { ok: false, waitMs } : { ok: true, fullMs: from + costMs };
}
