/** A manifest: what a snapshot of one partition is a snapshot of. Crosses the border to the snapshot store. */
import { z } from "zod";

const whole = z.number().int().min(0);

export const snapshotManifest = z.object({
  /** Byte format; a release reads its own and the previous one. */
  format: whole,
  fold_version: z.string(),
  generation: whole,
  log_epoch: whole,
  topic: z.string(),
  partition: whole,
  partitions: whole,
  /** Everything before this offset is contained. */
  next_offset: whole,
  watermark_ms: z.number().nullable(),
  /** The last folded record, to recognise the log by; null when none was folded. */
  last: z.object({ offset: whole, timestamp_ms: z.number(), fingerprint: z.string().regex(/^[0-9a-f]{16}$/) })
    .nullable(),
  /** SHA-256 names of the segments, in the order they are restored. */
  segments: z.array(z.string().regex(/^[0-9a-f]{64}$/)),
  /** Wall clock, for showing an age. */
  taken_at_ms: z.number(),
}).meta({
  title: "Snapshot manifest",
  description: "What a snapshot of one partition contains, and the names of its segments.",
});

export type SnapshotManifest = z.infer<typeof snapshotManifest>;
