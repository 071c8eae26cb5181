/** Why bytes are not an event. A rejection is ordinary data: it becomes a dead letter or a verdict in an answer. */

export const rejectionCodes = {
  record_too_large: "the value is larger than limits.recordBytesMax",
  value_missing: "the record has no value",
  not_utf8: "the value is not valid UTF-8",
  json_invalid: "the value is not JSON",
  json_too_deep: "objects and arrays are nested deeper than limits.jsonDepthMax",
  json_too_many_keys: "the value has more keys than limits.jsonKeysMax",
  not_an_object: "the value is not a JSON object",
  field_missing: "a required field is absent",
  field_invalid: "a field has a value that is not allowed",
  event_time_future: "the event is further ahead of its record's time than WAYMARK_SKEW_MS",
  ride_events_exceeded: "the ride already has limits.rideEventsMax events",
  driver_points_exceeded:
    "the driver already has limits.driverPointsMax points that could come again in time",
  cities_exceeded: "the partition already holds limits.panesPerPartitionMax cities and minutes",
  handler_failed: "the actor's handler threw before it wrote anything",
} as const;

export type RejectionCode = keyof typeof rejectionCodes;

export type Rejection = {
  code: RejectionCode;
  /** The field at fault, or null when the whole value is. */
  field: string | null;
  /** Names field, value and what is allowed. */
  message: string;
};

export type Decoded<T> = { ok: true; event: T } | ({ ok: false } & Rejection);

export function reject(
  code: RejectionCode,
  message: string,
  field: string | null = null,
): { ok: false } & Rejection {
  return { ok: false, code, field, message };
}

/** A value as it may stand in a message: JSON, cut to 80 characters. */
export function shown(value: unknown): string {
  const text = typeof value === "number" ? String(value) : JSON.stringify(value) ?? String(value);
  return text.length <= 80 ? text : `${text.slice(0, 77)}...`;
}
