/**
 * What of an actor goes out to whom: masked, or as it is and then told.
 *
 * Every node tells of what it showed itself, also when another one passed the answer on: so nothing is shown untold,
 * whoever made up the header of a question between nodes.
 */
import type { CancelledRide } from "../../schemas/http.ts";
import type { DriverRow, DriverView, RawRecord, RideRow, RideView } from "./handles.ts";
import type { Mask, Sees } from "./mask.ts";

/** An unmasked read, without the data: who, through which route, and of whom as a hash. */
export type UnmaskedRead = { key: string; route: string; asked: string; rows: number; request: string };

export type Caller = { key: string | null; sees: Sees };

export type Showing = {
  ride<V extends RideView | RideRow>(views: readonly V[]): V[];
  driver<V extends DriverView | DriverRow>(views: readonly V[]): V[];
  record(records: readonly RawRecord[]): RawRecord[];
  cancelled(rides: readonly CancelledRide[]): CancelledRide[];
};

export type ShowingNeeds = { mask: Mask; audit(read: UnmaskedRead): void };

/** `asked`: what the caller asked for, an id or a query. */
export function showing(
  { mask, audit }: ShowingNeeds,
  caller: Caller,
  { route, asked, requestId }: { route: string; asked: string; requestId: string },
): Showing {
  const told = <V>(views: readonly V[], masked: (view: V) => V): V[] => {
    if (caller.sees === "masked") return views.map(masked);
    if (views.length > 0) {
      const key = caller.key ?? "";
      audit({ key, route, asked: mask.user(asked), rows: views.length, request: requestId });
    }
    return [...views];
  };
  return {
    ride: (views) => told(views, (view) => mask.ride(view)),
    driver: (views) => told(views, (view) => mask.driver(view)),
    record: (records) => told(records, (record) => mask.record(record)),
    cancelled: (rides) => told(rides, (ride) => ({ ...ride, reason: mask.reason(ride.reason) })),
  };
}
