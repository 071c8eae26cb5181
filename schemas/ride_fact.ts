/** A finished ride: value on `ride-facts` (key = ride_id). The newest fact of a ride has the greatest source offset. */
import { z } from "zod";
import { cityName, id, isoUtc } from "./fields.ts";

const seconds = z.number().nullable();

export const rideFact = z.object({
  /** `<log epoch>/<topic>/<partition>/<offset>/<n>` of the record that caused it. */
  fact_id: z.string(),
  generation: z.number().int(),
  ride_id: id,
  city: cityName,
  outcome: z.enum(["completed", "cancelled", "taken_back"]),
  cancelled_by: z.enum(["rider", "driver", "system"]).nullable(),
  reason: z.string().nullable(),
  driver_id: z.string().nullable(),
  user_id: z.string().nullable(),
  ended_at: isoUtc,
  requested_at: isoUtc.nullable(),
  accepted_at: isoUtc.nullable(),
  started_at: isoUtc.nullable(),
  request_to_accept_s: seconds,
  accept_to_start_s: seconds,
  start_to_end_s: seconds,
  attempts: z.number().int(),
  estimated_fare: z.number().nullable(),
  fare: z.number().nullable(),
  anomalies: z.array(z.string()),
}).meta({ title: "Ride fact", description: "The outcome of one ride." });

export type RideFact = z.infer<typeof rideFact>;
