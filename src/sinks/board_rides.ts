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
  readonly #citiesMax: number;

  constructor(citiesMax: number) {
    this.#citiesMax = citiesMax;
  }

  put({ city, ride, isCancelled }: Ended): void {
    const known = this.#byCity.get(city);
    if (known === undefined && (!isCancelled || this.#byCity.size >= this.#citiesMax)) return;
    const others = (known ?? []).filter(({ ride_id }) => ride_id !== ride.ride_id);
    if (isCancelled) {
      const at = others.findIndex(({ ended_at }) => ended_at <= ride.ended_at);
      others.splice(at < 0 ? others.length : at, 0, ride);
    }
    this.#byCity.set(city, others.slice(0, ridesMax));
  }

  list(city: string): readonly CancelledRide[] {
    return this.#byCity.get(city) ?? [];
  }
}
