/**
 * The transition table of a ride, as data: docs/ARCHITECTURE.md prints it, tests walk every pair of it.
 *
 * Producers repeat, reorder and skip. The first row whose state, event and condition hold is taken; its marks
 * say what was odd about it. Rows are complete: every state and event has a last row without condition.
 */
import type { RideEventType } from "../schemas/ride_event.ts";

export const rideStates = ["new", "requested", "accepted", "started", "completed", "cancelled"] as const;
export type RideState = (typeof rideStates)[number];

/** What a transition may have to be noted for. Those in `anomalyMarks` count as anomalies of the event's window. */
export const marks = {
  orphan: "the ride began with a later step than requested",
  skipped: "a step between was not seen before this one",
  filled: "an earlier step arrived after a later one and filled in its time",
  repeated: "a step that was known already, under another event id",
  reassigned: "accepted by another driver",
  redispatched: "accepted again after the driver had cancelled",
  mid_trip: "cancelled after the trip had started",
  after_end: "a step arrived for a ride that had ended",
  conflict: "completed and cancelled contradict each other; the first one stands",
  outcome_stands: "the cancel could not be taken back, its window no longer accepts changes",
} as const;
export type Mark = keyof typeof marks;

export const anomalyMarks: readonly Mark[] = [
  "orphan",
  "skipped",
  "repeated",
  "mid_trip",
  "after_end",
  "conflict",
  "outcome_stands",
];

export const conditions = {
  always: "",
  another_driver: "by another driver",
  step_unknown: "when that step is not known yet",
  after_driver_cancel: "after a cancel by the driver",
} as const;
export type Condition = keyof typeof conditions;

export type Row = {
  from: RideState;
  on: RideEventType;
  when: Condition;
  to: RideState;
  marks: readonly Mark[];
};

const row = (from: RideState, on: RideEventType, to: RideState, ...noted: Mark[]): Row => ({
  from,
  on,
  when: "always",
  to,
  marks: noted,
});
const rowWhen = (
  when: Condition,
  from: RideState,
  on: RideEventType,
  to: RideState,
  ...noted: Mark[]
): Row => ({
  from,
  on,
  when,
  to,
  marks: noted,
});

export const rideTable: readonly Row[] = [
  row("new", "requested", "requested"),
  row("new", "accepted", "accepted", "orphan"),
  row("new", "started", "started", "orphan"),
  row("new", "completed", "completed", "orphan"),
  row("new", "cancelled", "cancelled", "orphan"),

  row("requested", "requested", "requested", "repeated"),
  row("requested", "accepted", "accepted"),
  row("requested", "started", "started", "skipped"),
  row("requested", "completed", "completed", "skipped"),
  row("requested", "cancelled", "cancelled"),

  rowWhen("step_unknown", "accepted", "requested", "accepted", "filled"),
  row("accepted", "requested", "accepted", "repeated"),
  rowWhen("another_driver", "accepted", "accepted", "accepted", "reassigned"),
  row("accepted", "accepted", "accepted", "repeated"),
  row("accepted", "started", "started"),
  row("accepted", "completed", "completed", "skipped"),
  row("accepted", "cancelled", "cancelled"),

  rowWhen("step_unknown", "started", "requested", "started", "filled"),
  row("started", "requested", "started", "repeated"),
  rowWhen("step_unknown", "started", "accepted", "started", "filled"),
  row("started", "accepted", "started", "repeated"),
  row("started", "started", "started", "repeated"),
  row("started", "completed", "completed"),
  row("started", "cancelled", "cancelled", "mid_trip"),

  rowWhen("step_unknown", "completed", "requested", "completed", "filled"),
  row("completed", "requested", "completed", "after_end"),
  rowWhen("step_unknown", "completed", "accepted", "completed", "filled"),
  row("completed", "accepted", "completed", "after_end"),
  rowWhen("step_unknown", "completed", "started", "completed", "filled"),
  row("completed", "started", "completed", "after_end"),
  row("completed", "completed", "completed", "repeated"),
  row("completed", "cancelled", "completed", "conflict"),

  rowWhen("step_unknown", "cancelled", "requested", "cancelled", "filled"),
  row("cancelled", "requested", "cancelled", "after_end"),
  rowWhen("after_driver_cancel", "cancelled", "accepted", "accepted", "redispatched"),
  rowWhen("step_unknown", "cancelled", "accepted", "cancelled", "filled"),
  row("cancelled", "accepted", "cancelled", "after_end"),
  rowWhen("step_unknown", "cancelled", "started", "cancelled", "filled"),
  row("cancelled", "started", "cancelled", "after_end"),
  row("cancelled", "completed", "cancelled", "conflict"),
  row("cancelled", "cancelled", "cancelled", "repeated"),
];

const byStateAndEvent = new Map<string, readonly Row[]>();
for (const entry of rideTable) {
  const key = `${entry.from} ${entry.on}`;
  byStateAndEvent.set(key, [...(byStateAndEvent.get(key) ?? []), entry]);
}

/** The rows that may apply, in their order. */
export function rowsFor(from: RideState, on: RideEventType): readonly Row[] {
  return byStateAndEvent.get(`${from} ${on}`) ?? [];
}

/** The table in Markdown, for the documents. */
export function rideTableMarkdown(): string {
  const lines = rideTable.map((r) =>
    `| ${r.from} | ${[r.on, conditions[r.when]].filter(Boolean).join(" ")} | ${r.to} | ${
      r.marks.join(", ")
    } |`
  );
  return ["| from | event | to | marks |", "|---|---|---|---|", ...lines].join("\n");
}
