/** Erasure of a rider: what is asked for, the records of topic `erasures`, and how far it is. */
import { z } from "zod";
import { id, isoUtc } from "./fields.ts";

export const erasureRequest = z.strictObject({ user_id: id }).meta({
  title: "Erasure request",
  description: "The rider whose data is to be erased.",
});

const whole = z.number().int().min(0);
const hash = (digits: number) => z.string().regex(new RegExp(`^[0-9a-f]{${digits}}$`));

/** What names an erasure, and stands in the rider's place from then on. It goes into SQL as it is. */
const pseudonym = z.string().regex(/^erased-[0-9a-f]{32}$/);

/** Both kinds on `erasures`, keyed by `id`. A rider stands in them as hashes only. */
export const erasureRecord = z.discriminatedUnion("kind", [
  z.object({
    format: z.literal(1),
    kind: z.literal("erase"),
    id: pseudonym,
    rider: z.object({ quick: hash(16), sha256: hash(64) }),
    at: isoUtc,
    /** The name of the key that asked for it. */
    by: z.string().max(64),
  }),
  z.object({
    format: z.literal(1),
    kind: z.literal("applied"),
    id: pseudonym,
    /** Such as `rides/ride-events/7`: actors and snapshots of a partition; or `clickhouse`. */
    store: z.string().max(256),
    node: z.string().max(256),
    at: isoUtc,
  }),
]);
export type ErasureRecord = z.infer<typeof erasureRecord>;

export const erasureView = z.object({
  erasure_id: z.string(),
  requested_at: isoUtc,
  requested_by: z.string(),
  /** Whether no store is pending. The log's own bytes go by retention. */
  complete: z.boolean(),
  pending: z.array(z.string()),
  applied: z.array(z.object({ store: z.string(), node: z.string(), at: isoUtc })),
  /** From when on the log's retention has let go of everything that was in it at the time of the request. */
  log_keeps_until: isoUtc,
}).meta({ title: "Erasure", description: "How far the erasure of one rider is." });
export type ErasureView = z.infer<typeof erasureView>;

export const erasuresAnswer = z.object({
  erasures: z.array(erasureView),
  /** How many riders are erased; of them the newest are listed. */
  total: whole,
}).meta({ title: "Erasures", description: "The newest erasures first." });
export type ErasuresAnswer = z.infer<typeof erasuresAnswer>;
