/** The building blocks that the contracts share: ids, times, money, places. */
import { z } from "zod";

const wellFormed = (text: string) => text.isWellFormed();

export const id = z.string().min(1).max(128).refine(wellFormed, "must be well-formed Unicode");
export const cityName = z.string().min(1).max(64).refine(wellFormed, "must be well-formed Unicode");
/** ISO 8601; without a zone it means UTC. Parsed by src/codec/timestamp.ts. */
export const timestamp = z.string().min(16).max(40).regex(
  /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}([.,]\d{1,9})?)?(Z|z|[+-]\d{2}:?\d{2})?$/,
  "must be an ISO 8601 date and time",
);
export const place = z.object({
  lat: z.number().min(-90).max(90),
  lng: z.number().min(-180).max(180),
});
/** Currency units with at most two decimals (checked in src/codec/money.ts, which allows for binary rounding). */
export const money = z.number().min(0).max(1_000_000);
/** Times that Waymark writes: UTC, milliseconds, `Z`. */
export const isoUtc = z.string().regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/);
