/**
 * The doors for events: `POST /v1/events` and `POST /v1/locations`.
 *
 * 202 means: every accepted item is acknowledged by the log. Until then nothing is promised, and posting the same
 * items again is always safe. Each item is judged alone, by the decoder that will read it from the log.
 *
 *   body ─► bytes (bounded) ─► items ─► key's rate ─► decode each ─► ride's rate ─► append what is left ─► 202 with a
 *                                                                                    verdict for the rest
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
import type { RateLimits } from "./rate_limits.ts";

export type IngestDoor = {
  door: "events" | "locations";
  /** Whether its keys are rides, which have a rate. */
  ofRides: boolean;
  topic: "ride-events" | "driver-locations";
  /** The record's key, or why there is none. */
  judge(item: Uint8Array): Decoded<string>;
};

export const eventsDoor: IngestDoor = {
  door: "events",
  ofRides: true,
  topic: "ride-events",
  judge(item) {
    const decoded = decodeRideEvent(item);
    return decoded.ok ? { ok: true, event: decoded.event.rideId } : decoded;
  },
};

export const locationsDoor: IngestDoor = {
  door: "locations",
  ofRides: false,
  topic: "driver-locations",
  judge(item) {
    const decoded = decodeDriverLocation(item);
    return decoded.ok ? { ok: true, event: decoded.event.driverId } : decoded;
  },
};

export type IngestNeeds = {
  handles: Handles;
  readBody: BodyReader;
  limits: RateLimits;
  clock: Clock;
  bounds: DoorBounds;
};

/** `key`: whose request it is, for the limits. */
export async function ingest(
  request: Request,
  { door, key }: { door: IngestDoor; key: string | null },
  needs: IngestNeeds,
): Promise<Response> {
  if (needs.handles.draining()) {
    return refusalResponse(
      refuse("draining", "this node is shutting down; post to another, or try again soon"),
    );
  }
  const type = bodyTypeOf(request.headers.get("content-type"));
  if (type === null) return refusalResponse(otherType(request.headers.get("content-type")));
  const body = await needs.readBody(request);
  if (!body.ok) return refusalResponse(body);
  /** The log may still hold the bytes when the client has been told to come again. */
  let held: Promise<unknown> = Promise.resolve();
  try {
    const split = itemsOf(body.bytes, type, needs.bounds.bodyItemsMax);
    if (!split.ok) return refusalResponse(split);
    const limited = needs.limits.items(key, split.items.length);
    if (limited !== null) return refusalResponse(limited);
    const judged = judgeAll(split.items, door, needs);
    metrics.ingested.inc({ door: door.door, verdict: "rejected" }, judged.rejected.length);
    if (judged.accepted.length === 0) return refusalResponse(nothingTaken(judged));
    const appending = needs.handles.append(door.topic, judged.accepted);
    held = appending.catch(() => undefined);
    const refused = await inTime(appending, needs);
    if (refused !== null) return refusalResponse(refused);
    metrics.ingested.inc({ door: door.door, verdict: "accepted" }, judged.accepted.length);
    return Response.json({ accepted: judged.accepted.length, rejected: judged.rejected }, { status: 202 });
  } finally {
    void held.then(body.release);
  }
}

type Verdict = { index: number; code: string; field: string | null; message: string };

type Judged = {
  accepted: { key: string; value: Uint8Array }[];
  rejected: Verdict[];
  items: number;
  /** Until the first ride that was too fast may go on; 0 when none was. */
  waitMs: number;
};

function judgeAll(items: Uint8Array[], { judge, ofRides }: IngestDoor, { limits }: IngestNeeds): Judged {
  const judged: Judged = { accepted: [], rejected: [], items: items.length, waitMs: 0 };
  items.forEach((value, index) => {
    const one = judge(value);
    if (!one.ok) {
      judged.rejected.push({ index, code: one.code, field: one.field, message: one.message });
      return;
    }
    const waitMs = ofRides ? limits.ride(one.event) : 0;
    if (waitMs === 0) {
      judged.accepted.push({ key: one.event, value });
      return;
    }
    judged.waitMs = judged.waitMs === 0 ? waitMs : Math.min(judged.waitMs, waitMs);
    const message = `this ride has more events a second than a ride may; send it again in ${
      seconds(waitMs)
    } s`;
    judged.rejected.push({ index, code: "ride_rate_exceeded", field: "ride_id", message });
  });
  return judged;
}

const seconds = (ms: number): number => Math.ceil(ms / 1_000);

function nothingTaken({ items, rejected, waitMs }: Judged): Refused {
  const beside = { accepted: 0, rejected };
  if (waitMs > 0) {
    const retry = String(seconds(waitMs));
    const message =
      `none of ${items} items was taken, because rides have too many events a second; try again in ${retry} s`;
    return refuse("ride_rate_exceeded", message, { beside, headers: { "retry-after": retry } });
  }
  return refuse("no_valid_items", `none of ${items} items is valid; the first: ${rejected[0]!.message}`, {
    beside,
  });
}

async function inTime(appending: Promise<void>, { clock, bounds }: IngestNeeds): Promise<Refused | null> {
  const acknowledged = new AbortController();
  const late = clock.sleep(bounds.appendMs, acknowledged.signal).then(() => "late" as const);
  try {
    if (await Promise.race([appending.then(() => "appended" as const), late]) === "appended") return null;
    return refuse("log_unavailable", `the log has not acknowledged within ${bounds.appendMs} ms; post again`);
  } finally {
    // With a reason: without one the runtime makes an exception, stack and all.
    acknowledged.abort("done");
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
