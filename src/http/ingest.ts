/**
 * The doors for events: `POST /v1/events` and `POST /v1/locations`.
 *
 * 202 means: every accepted item is acknowledged by the log. Until then nothing is promised, and posting the same
 * items again is always safe. Each item is judged alone, by the decoder that will read it from the log.
 *
 *   body ─► bytes (bounded) ─► items ─► decode each ─► append those that decode ─► 202 with a verdict for the rest
 */
import { decodeDriverLocation } from "../codec/driver_location.ts";
import type { Decoded } from "../codec/rejection.ts";
import { decodeRideEvent } from "../codec/ride_event.ts";
import { metrics } from "../telemetry/metrics.ts";
import type { Clock } from "../time.ts";
import type { BodyReader } from "./body.ts";
import type { DoorBounds } from "./bounds.ts";
import { refusalResponse, refuse, type Refused } from "./errors.ts";
import type { Handles } from "./handles.ts";
import { bodyTypeOf, itemsOf } from "./items.ts";

export type IngestDoor = {
  door: "events" | "locations";
  topic: "ride-events" | "driver-locations";
  /** The record's key, or why there is none. */
  judge(item: Uint8Array): Decoded<string>;
};

export const eventsDoor: IngestDoor = {
  door: "events",
  topic: "ride-events",
  judge(item) {
    const decoded = decodeRideEvent(item);
    return decoded.ok ? { ok: true, event: decoded.event.rideId } : decoded;
  },
};

export const locationsDoor: IngestDoor = {
  door: "locations",
  topic: "driver-locations",
  judge(item) {
    const decoded = decodeDriverLocation(item);
    return decoded.ok ? { ok: true, event: decoded.event.driverId } : decoded;
  },
};

export type IngestNeeds = { handles: Handles; readBody: BodyReader; clock: Clock; bounds: DoorBounds };

export async function ingest(request: Request, door: IngestDoor, needs: IngestNeeds): Promise<Response> {
  if (needs.handles.health().draining) {
    return refusalResponse(
      refuse("draining", "this node is shutting down; post to another, or try again soon"),
    );
  }
  const type = bodyTypeOf(request.headers.get("content-type"));
  if (type === null) return refusalResponse(otherType(request.headers.get("content-type")));
  const body = await needs.readBody(request);
  if (!body.ok) return refusalResponse(body);
  try {
    const split = itemsOf(body.bytes, type, needs.bounds.bodyItemsMax);
    if (!split.ok) return refusalResponse(split);
    return await take(split.items, door, needs);
  } finally {
    body.release();
  }
}

type Verdict = { index: number; code: string; field: string | null; message: string };

async function take(items: Uint8Array[], door: IngestDoor, needs: IngestNeeds): Promise<Response> {
  const accepted: { key: string; value: Uint8Array }[] = [];
  const rejected: Verdict[] = [];
  items.forEach((value, index) => {
    const judged = door.judge(value);
    if (judged.ok) accepted.push({ key: judged.event, value });
    else rejected.push({ index, code: judged.code, field: judged.field, message: judged.message });
  });
  metrics.ingested.inc({ door: door.door, verdict: "rejected" }, rejected.length);
  if (accepted.length === 0) {
    const message = `none of ${items.length} items is valid; the first: ${rejected[0]!.message}`;
    return refusalResponse(refuse("no_valid_items", message, { beside: { accepted: 0, rejected } }));
  }
  const refused = await appendInTime(accepted, door, needs);
  if (refused !== null) return refusalResponse(refused);
  metrics.ingested.inc({ door: door.door, verdict: "accepted" }, accepted.length);
  return Response.json({ accepted: accepted.length, rejected }, { status: 202 });
}

async function appendInTime(
  items: { key: string; value: Uint8Array }[],
  door: IngestDoor,
  { handles, clock, bounds }: IngestNeeds,
): Promise<Refused | null> {
  const acknowledged = new AbortController();
  const late = clock.sleep(bounds.appendMs, acknowledged.signal).then(() => "late" as const);
  try {
    const appended = handles.append(door.topic, items).then(() => "appended" as const);
    if (await Promise.race([appended, late]) === "appended") return null;
    appended.catch(() => undefined);
    return refuse("log_unavailable", `the log has not acknowledged within ${bounds.appendMs} ms; post again`);
  } finally {
    acknowledged.abort();
  }
}

function otherType(given: string | null): Refused {
  const shown = given === null ? "missing" : JSON.stringify(given.slice(0, 80));
  return refuse(
    "content_type_unsupported",
    `content-type is ${shown}; allowed: application/json or application/x-ndjson, in UTF-8`,
    { field: "content-type" },
  );
}
