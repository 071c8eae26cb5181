/**
 * The last cancelled rides of every city, from the facts of finished rides: pure bookkeeping for the board.
 *
 * A ride may end more than once (a cancel that was taken back, another generation): its newest fact stands, which on
 * one partition is the one that comes last. Facts are read again after a start from the end of the log only: a list
 * that says "last" needs no more.
 */
import type { CancelledRide } from "../../schemas/http.ts";

/** Rides kept for each city. */
const ridesMax = 40;

export type Ended = { city: string; ride: CancelledRide; isCancelled: boolean };

export class BoardRides {
  /** Newest end first. */
  readonly #byCity = new Map<string, CancelledRide[]>();
  /** How many lists a ride is in. */
  readonly #listed = new Map<string, number>();
  readonly #citiesMax: number;

  constructor(citiesMax: number) {
    this.#citiesMax = citiesMax;
  }

  put({ city, ride, isCancelled }: Ended): void {
    const known = this.#byCity.get(city);
    if (known === undefined && (!isCancelled || this.#byCity.size >= this.#citiesMax)) return;
    const next = (known ?? []).filter(({ ride_id }) => ride_id !== ride.ride_id);
    if (isCancelled) {
      const at = next.findIndex(({ ended_at }) => ended_at <= ride.ended_at);
      next.splice(at < 0 ? next.length : at, 0, ride);
    }
    this.#count(ride.ride_id, next.length - (known?.length ?? 0));
    for (const { ride_id } of next.splice(ridesMax)) this.#count(ride_id, -1);
    this.#byCity.set(city, next);
  }

  /** Whether the ride is in any list: of others only a cancel is news. */
  isListed(rideId: string): boolean {
    return this.#listed.has(rideId);
  }

  #count(rideId: string, by: number): void {
    if (by === 0) return;
    const count = (this.#listed.get(rideId) ?? 0) + by;
    if (count === 0) this.#listed.delete(rideId);
    else this.#listed.set(rideId, count);
  }

  list(city: string): readonly CancelledRide[] {
    return this.#byCity.get(city) ?? [];
  }
}
