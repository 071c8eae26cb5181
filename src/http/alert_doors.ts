/**
 * `/v1/alerts`: what is open, and what people say about it: silences and acknowledgements, with who, until when and
 * why. Both are facts of `alert-journal`: the answer comes when the log has them, receivers hear of them from there.
 */
import type { z } from "zod";
import type { Acknowledgement, JournalFact, Silence } from "../../schemas/alert_journal.ts";
import {
  acknowledgementRequest,
  type NotedAlert,
  silenceEnding,
  silenceRequest,
} from "../../schemas/alert_notes.ts";
import { parseTimestamp } from "../codec/timestamp.ts";
import { fingerprint, fromUtf8, utf8 } from "../ids.ts";
import { dayMs, isoTime } from "../time.ts";
import type { BodyReader } from "./body.ts";
import { refusalResponse, refuse, type Refused } from "./errors.ts";
import type { Handles } from "./handles.ts";
import { bodyTypeOf } from "./items.ts";
import { pathText } from "./query.ts";

type Needs = { handles: Handles; readBody: BodyReader };

/** A silence that is forgotten is worse than one that has to be said again. */
const silenceMsMax = 30 * dayMs;

export function alerts(handles: Handles): Response {
  const all: NotedAlert[] = handles.board.alerts().map((alert) => ({
    ...alert,
    ...handles.board.notes(alert, handles.nowMs()),
  }));
  return Response.json({
    open: all.filter((alert) => alert.state !== "resolved"),
    recent: all.filter((alert) => alert.state === "resolved"),
    receivers: handles.receivers(),
  });
}

export const silences = (handles: Handles): Response =>
  Response.json({ silences: handles.board.silences(handles.nowMs()) });

export async function silence(request: Request, needs: Needs): Promise<Response> {
  const { handles } = needs;
  const read = await bodyOf(request, needs, silenceRequest, '{"rule", "city", "by", "why", "until"}');
  if (!read.ok) return refusalResponse(read);
  const { rule, city, by, why } = read.body;
  const nowMs = handles.nowMs();
  const untilMs = parseTimestamp(read.body.until);
  if (untilMs === null || untilMs <= nowMs || untilMs > nowMs + silenceMsMax) {
    const message = `until is ${read.body.until}; allowed: a time in the next ${silenceMsMax / dayMs} days`;
    return refusalResponse(refuse("alert_note_invalid", message, { field: "until" }));
  }
  const until = isoTime(untilMs);
  const fact: Silence = {
    kind: "silence",
    // The same request again is the same silence.
    id: `silence-${fingerprint(utf8(JSON.stringify([rule, city, by, why, until])))}`,
    ...{ rule, city, by, why, at: isoTime(nowMs), until },
  };
  return await noted(handles, fact, 201);
}

export async function endSilence(request: Request, given: string, needs: Needs): Promise<Response> {
  const { handles } = needs;
  const id = pathText(given, "id");
  if (!id.ok) return refusalResponse(id);
  const read = await bodyOf(request, needs, silenceEnding, '{"by"}');
  if (!read.ok) return refusalResponse(read);
  const known = handles.board.silences(handles.nowMs()).find((one) => one.id === id.value);
  if (known === undefined) {
    return refusalResponse(refuse("silence_not_found", "no such silence is in force"));
  }
  const fact: JournalFact = {
    kind: "unsilence",
    id: `end-${known.id}`,
    silence_id: known.id,
    by: read.body.by,
    at: isoTime(handles.nowMs()),
  };
  await handles.note(fact, known.city);
  return Response.json(known);
}

export async function acknowledge(request: Request, needs: Needs): Promise<Response> {
  const { handles } = needs;
  const read = await bodyOf(
    request,
    needs,
    acknowledgementRequest,
    '{"alert_id" or "rule" and "city", "by", "why"}',
  );
  if (!read.ok) return refusalResponse(read);
  const { body } = read;
  const alert = handles.board.alerts().find((one) =>
    one.state !== "resolved" &&
    ("alert_id" in body ? one.alert_id === body.alert_id : one.rule === body.rule && one.city === body.city)
  );
  if (alert === undefined) return refusalResponse(refuse("alert_not_found", "no such alert is open"));
  const { alert_id, rule, city } = alert;
  const { by, why } = body;
  const fact: Acknowledgement = {
    kind: "acknowledge",
    id: `acknowledge-${fingerprint(utf8(JSON.stringify([alert_id, by, why])))}`,
    ...{ alert_id, rule, city, by, why, at: isoTime(handles.nowMs()) },
  };
  return await noted(handles, fact, 201);
}

async function noted(handles: Handles, fact: Silence | Acknowledgement, status: number): Promise<Response> {
  await handles.note(fact, fact.city);
  return Response.json(fact, { status });
}

async function bodyOf<T extends z.ZodType>(
  request: Request,
  { readBody }: Needs,
  schema: T,
  wanted: string,
): Promise<{ ok: true; body: z.infer<T> } | Refused> {
  if (bodyTypeOf(request.headers.get("content-type")) !== "json") {
    const message = "content-type is another one; allowed: application/json";
    return refuse("content_type_unsupported", message, { field: "content-type" });
  }
  const body = await readBody(request);
  if (!body.ok) return body;
  const read = schema.safeParse(parsed(fromUtf8(body.bytes)));
  body.release();
  if (read.success) return { ok: true, body: read.data };
  const field = read.error.issues[0]?.path.join(".");
  const message = `the body is something else; allowed: ${wanted}`;
  return refuse("alert_note_invalid", message, field ? { field } : {});
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
