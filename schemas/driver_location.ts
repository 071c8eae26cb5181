/** A driver's position as producers send it (topic `driver-locations`, key = driver_id). Unknown fields are ignored. */
import { z } from "zod";
import { cityName, id, timestamp } from "./fields.ts";

export const driverStatuses = ["available", "en_route", "on_trip", "offline"] as const;
export type DriverStatus = (typeof driverStatuses)[number];

export const driverLocationWire = z.object({
  driver_id: id,
  timestamp,
  lat: z.number().min(-90).max(90),
  lng: z.number().min(-180).max(180),
  city: cityName.nullish(),
  status: z.enum(driverStatuses).nullish(),
  speed_kmh: z.number().min(0).max(1_000).nullish(),
  heading: z.number().min(0).max(360).nullish(),
  accuracy_m: z.number().min(0).max(100_000).nullish(),
  ride_id: id.nullish(),
  event_id: id.nullish(),
}).meta({ title: "Driver location", description: "One position of a driver, keyed by driver_id." });

export type DriverLocationWire = z.infer<typeof driverLocationWire>;

/** A driver location after the trust boundary: time in milliseconds, null where nothing was said. */
export type DriverLocation = {
  driverId: string;
  timeMs: number;
  /** As given, else null: then driver and timestamp identify the point. */
  eventId: string | null;
  lat: number;
  lng: number;
  city: string | null;
  status: DriverStatus | null;
  speedKmh: number | null;
  heading: number | null;
  accuracyM: number | null;
  rideId: string | null;
};
