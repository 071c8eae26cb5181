/** Why a window says what it says: the answer of `GET /v1/cities/{city}/windows/{start}/explain`. */
import { z } from "zod";
import { cityWindow } from "./city_window.ts";
import { cityName, isoUtc } from "./fields.ts";
import { provenance } from "./http.ts";

const whole = z.number().int().min(0);

/** What one source partition has told of one minute: the register with its greatest position. */
export const explainedPane = z.object({
  minute: isoUtc,
  /** How many records have changed it so far, and the offset of the last one. */
  position: whole,
  offset: whole,
  events: whole,
  requests: whole,
  acceptances: whole,
  starts: whole,
  completions: whole,
  cancellations: whole,
});

/**
 * heard: its own watermark counts. idle: its stand-in does. ended: it holds nothing back any more. no_records: it
 * never had one and takes no part. not_heard_of: it holds everything back.
 */
export const sourceStates = ["heard", "idle", "ended", "no_records", "not_heard_of"] as const;

export const explainedSource = z.object({
  topic: z.string(),
  partition: whole,
  state: z.enum(sourceStates),
  /** What counts: the own watermark, or the stand-in of an idle source. */
  watermark: isoUtc.nullable(),
  own_watermark: isoUtc.nullable(),
  /** Everything before this offset has been told. */
  next_offset: whole,
  /** Whether the window waits for it: its watermark has not passed the window's end. */
  waited_for: z.boolean(),
  /** Whether it is the slowest of all, which holds the watermark of its kind. */
  holds_watermark: z.boolean(),
  /** Records under another fold version, dropped. */
  foreign_records: whole,
  /** Events of the window that came from it. */
  events: whole,
  panes: z.array(explainedPane),
});
export type ExplainedSource = z.infer<typeof explainedSource>;

/** Events behind the watermark of their partition, as ClickHouse has them. */
export const explainedLate = z.object({
  topic: z.string(),
  partition: whole,
  /** late: counted all the same. too_late: refused. */
  reason: z.enum(["late", "too_late"]),
  /** Whether the events name the city; those that name none belong to the city of their ride, maybe this one. */
  names_city: z.boolean(),
  events: whole,
  late_seconds_max: z.number(),
  first_offset: whole,
  last_offset: whole,
});
export type ExplainedLate = z.infer<typeof explainedLate>;

export const windowPhases = ["open", "closed", "closed_with_supply"] as const;

export const windowExplanation = z.object({
  city: cityName,
  window_start: isoUtc,
  window_end: isoUtc,
  phase: z.enum(windowPhases),
  /** The window as it stands, which may be newer than what was published last. */
  window: cityWindow,
  watermarks: z.object({ rides: isoUtc.nullable(), all: isoUtc.nullable() }),
  /** Every source partition; those of rides first. */
  sources: z.array(explainedSource),
  /** Null when ClickHouse cannot be asked. */
  late: z.array(explainedLate).nullable(),
  /** What came for a minute of the window after it had left memory: no window contains it. */
  missed: z.array(
    z.object({ source: z.string(), minute: isoUtc, events: whole, counted: whole }),
  ),
  owner: provenance,
}).meta({
  title: "Window explanation",
  description: "Which partitions contributed what to a window, what it waits for, what was late.",
});
export type WindowExplanation = z.infer<typeof windowExplanation>;
