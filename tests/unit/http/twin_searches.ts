/** Searches and erasures of the doors' twin: over what was posted, by one partition. Leaves out: that anything is erased. */
import type { ErasureView } from "../../../schemas/erasure.ts";
import { driverRow, rideRow } from "../../../schemas/http.ts";
import type { DriverView, Handles, RideView } from "../../../src/http/handles.ts";
import { type Clock, isoTime } from "../../../src/time.ts";

type Known = { rides: Map<string, RideView>; drivers: Map<string, DriverView>; isReady(): boolean };

export function findsAmong(
  { rides, drivers, isReady }: Known,
): Pick<Handles, "findRides" | "findDrivers"> {
  return {
    async findRides({ after, limit, city, driverId, states }) {
      const rows = [...rides.values()].filter((ride) =>
        ride.ride_id > after && (city === null || ride.city === city) &&
        (driverId === null || ride.driver_id === driverId) && (states === null || states.includes(ride.state))
      ).sort((a, b) => a.ride_id < b.ride_id ? -1 : 1);
      const about = { stage: "rides" as const, topic: "ride-events", partitions: 1 };
      const searched = isReady() ? [0] : [];
      return {
        ...about,
        searched,
        rows: rows.slice(0, limit).map((row) => rideRow.parse(row)),
        more: rows.length > limit,
      };
    },
    async findDrivers({ after, limit, city, rideId, statuses }) {
      const rows = [...drivers.values()].filter((driver) =>
        driver.driver_id > after && (city === null || driver.city === city) &&
        (rideId === null || driver.ride_id === rideId) &&
        (statuses === null || statuses.includes(driver.status ?? ""))
      ).sort((a, b) => a.driver_id < b.driver_id ? -1 : 1);
      const about = { stage: "locations" as const, topic: "driver-locations", partitions: 1 };
      const searched = isReady() ? [0] : [];
      return {
        ...about,
        searched,
        rows: rows.slice(0, limit).map((row) => driverRow.parse(row)),
        more: rows.length > limit,
      };
    },
  };
}

export function erasingTwin(clock: Clock): Handles["erasing"] {
  const erasures: ErasureView[] = [];
  const erasureView = (erasure_id: string, requested_by: string): ErasureView => {
    const at = isoTime(clock.nowMs());
    const asked = { erasure_id, requested_by, requested_at: at, log_keeps_until: at };
    return { ...asked, complete: false, pending: ["clickhouse"], applied: [] };
  };
  return {
    async erase(_userId, by) {
      const view = erasureView(`erased-${erasures.length}`, by);
      erasures.push(view);
      return view;
    },
    erasures: (most) => ({ erasures: erasures.toReversed().slice(0, most), total: erasures.length }),
    erasure: (id) => erasures.find(({ erasure_id }) => erasure_id === id) ?? null,
  };
}
