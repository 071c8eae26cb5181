/**
 * A fact of `alert-journal`: what people and receivers did about alerts. It stands on the partition of its city, so
 * that a partition of `alerts` and the one of the same number here tell everything about the same incidents.
 */
import { z } from "zod";
import { cityName, isoUtc } from "./fields.ts";

const name = z.string().min(1).max(128);
const rev = z.string().regex(/^\d{19}$/);
const reason = z.string().min(1).max(512);

export const deliveredStates = ["firing", "no_data", "acknowledged", "resolved"] as const;
/**
 * attempted: about to be sent, and perhaps was. accepted: the receiver has taken it. refused: it never will, and is
 * not asked again.
 */
export const deliveryOutcomes = ["attempted", "accepted", "refused"] as const;

export const delivery = z.object({
  kind: z.literal("delivery"),
  id: name,
  receiver: name,
  dedup_key: z.string().max(255),
  rule: name,
  city: cityName,
  /** The incident that it opens, acknowledges or ends. */
  alert_id: z.string().max(512),
  /** Of the transition that was told. */
  window_end: isoUtc,
  rev,
  state: z.enum(deliveredStates),
  outcome: z.enum(deliveryOutcomes),
  /** What the receiver said, shortened. */
  detail: z.string().max(512),
  at: isoUtc,
  /** The process that sent it, one run of it. */
  by: name,
  /** What the receiver calls it, where a later message must name it. */
  ref: z.string().max(256).optional(),
});

export const silence = z.object({
  kind: z.literal("silence"),
  id: name,
  /** `*` means every rule. */
  rule: name,
  /** `*` means every city; the fact then stands on every partition. */
  city: cityName,
  by: name,
  why: reason,
  at: isoUtc,
  until: isoUtc,
});

export const unsilence = z.object({
  kind: z.literal("unsilence"),
  id: name,
  silence_id: name,
  by: name,
  at: isoUtc,
});

export const acknowledgement = z.object({
  kind: z.literal("acknowledge"),
  id: name,
  alert_id: z.string().max(512),
  rule: name,
  city: cityName,
  by: name,
  why: reason,
  at: isoUtc,
});

export const journalFact = z.discriminatedUnion("kind", [delivery, silence, unsilence, acknowledgement]).meta(
  {
    title: "Alert journal",
    description: "What people and receivers did about alerts.",
  },
);

export type Delivery = z.infer<typeof delivery>;
export type Silence = z.infer<typeof silence>;
export type Unsilence = z.infer<typeof unsilence>;
export type Acknowledgement = z.infer<typeof acknowledgement>;
export type JournalFact = z.infer<typeof journalFact>;
