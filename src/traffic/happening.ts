/**
 * Something that took place, not yet sent: its JSON text is `head`, the event's time, `tail`.
 *
 * The time is written last because a bad clock or a missing zone is decided when the event is sent.
 */
import type { TrafficTopic } from "./item.ts";

export type Happening = {
  topic: TrafficTopic;
  key: string;
  city: string;
  timeMs: number;
  head: string;
  tail: string;
  /** Beside a scenario only: `unseen` is drawn for and never sent, `staged` takes its place. */
  part?: "unseen" | "staged";
};
