/**
 * The last cancelled rides of every city, from the facts of finished rides: pure bookkeeping for the board.
 *
 * A ride may end more than once (a cancel that was taken back, another generation): its newest fact stands, which on
 * one partition is the one that comes last. Facts are read again after a start from the end of the log only: a list
 * that says "last" needs no more.
 */
import type { CancelledRide } from "../../schemas/http.ts";
import { hashAscii, utf8 } from "../ids.ts";

/** Rides kept for each city. */
const ridesMax = 40;

export type Ended = { city: string; ride: CancelledRide; isCancelled: boolean };

export class BoardRides {
  /** Newest end first. */
  readonly #byCity = new Map<string, readonly CancelledRide[]>();
  /** How many lists rides are in, by the hash of their id: to ask for it makes no text. */
  readonly #listed = new Map<number, number>();
  readonly #hash = new Uint32Array(2);
  readonly #citiesMax: number;

  constructor(citiesMax: number) {
    this.#citiesMax = citiesMax;
  }

  put({ city, ride, isCancelled }: Ended): void {
    const isNew = !this.#byCity.has(city);
    if (isNew && (!isCancelled || this.#byCity.size >= this.#citiesMax)) return;
    const known = this.list(city);
    const hash = this.#hashOf(utf8(ride.ride_id));
    let next = this.#listed.has(hash) ? known.filter(({ ride_id }) => ride_id !== ride.ride_id) : known;
    if (isCancelled) {
      const at = next.findIndex(({ ended_at }) => ended_at <= ride.ended_at);
      next = next.toSpliced(at < 0 ? next.length : at, 0, ride);
    }
    this.#count(hash, next.length - known.length);
    for (const { ride_id } of next.slice(ridesMax)) this.#count(this.#hashOf(utf8(ride_id)), -1);
    this.#byCity.set(city, next.slice(0, ridesMax));
  }

  /** Whether the ride, by its id's bytes, may be in any list: of others only a cancel is news. */
  mayBeListed(rideId: Uint8Array): boolean {
    return this.#listed.has(this.#hashOf(rideId));
  }

  #hashOf(rideId: Uint8Array): number {
    hashAscii(rideId, 0, rideId.length, this.#hash);
    return this.#hash[0]!;
  }

  #count(hash: number, by: number): void {
    if (by === 0) return;
    const count = (this.#listed.get(hash) ?? 0) + by;
    if (count === 0) this.#listed.delete(hash);
    else this.#listed.set(hash, count);
  }

  list(city: string): readonly CancelledRide[] {
    return this.#byCity.get(city) ?? [];
  }
}
