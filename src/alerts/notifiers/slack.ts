/**
 * Slack: one message for an incident, which is then edited (chat.postMessage, chat.update: https://docs.slack.dev/);
 * or, with the address of an incoming webhook only, a line for each notice.
 *
 * Slack takes a message twice when it is sent twice. So every message carries the incident in its metadata, and where
 * an earlier sending may have got through unheard, the channel's history is searched for it first.
 */
import { secondMs } from "../../time.ts";
import type { Post, Posted } from "./http_post.ts";
import { cityLink, headline, runbookOf } from "./notice_text.ts";
import { type Answer, answerByStatus, failing, type Notice, type Receiver, said } from "./receiver.ts";

export type SlackOptions = { name: string; publicUrl: string; post: Post } & SlackDoor;

type SlackDoor =
  | { kind: "api"; url: string; token: string; channel: string }
  | { kind: "webhook"; url: string };

/** One message a second and channel; what says 429 says how long to wait. */
const pace = { spacingMs: 1_100, limitedMs: 30 * secondMs };

export function slack(options: SlackOptions): Receiver {
  const api = options.kind === "api";
  return {
    name: options.name,
    wants: () => true,
    acknowledges: true,
    perIncident: api,
    ...pace,
    repeatMs: null,
    send: (notice) => options.kind === "api" ? viaApi(options, notice) : viaWebhook(options, notice),
  };
}

type Via = { url: string; publicUrl: string; post: Post };

async function viaWebhook({ url, publicUrl, post }: Via, notice: Notice): Promise<Answer> {
  const body = JSON.stringify({ text: slackText(notice, publicUrl) });
  const response = await post({ url, body, headers: {} });
  if (!response.ok) return failing(response.detail);
  return answerByStatus(response, {
    accepted: (status) => status === 200,
    refused: (status) => status >= 400 && status < 500 && status !== 408 && status !== 429,
  });
}

type ViaApi = Via & { token: string; channel: string };

async function viaApi(via: ViaApi, notice: Notice): Promise<Answer> {
  const text = slackText(notice, via.publicUrl);
  if (notice.kind === "trigger" || notice.kind === "repeat") {
    const known = notice.maybeSinceMs === null ? null : await findMessage(via, notice);
    if (known !== null) return { kind: "accepted", detail: "was posted before", ref: known };
    return await postMessage(via, notice, text);
  }
  // Whoever was not told that it fires need not hear that it does not.
  const ref = notice.ref ?? await findMessage(via, notice);
  if (ref === null) return { kind: "accepted", detail: "there is no message of this incident" };
  const [channel = "", ts = ""] = ref.split(":");
  const answer = await call(via, "chat.update", { channel, ts, text });
  if (answer.kind === "refused" && gone.has(answer.error)) return await postMessage(via, notice, text);
  return answer.kind === "accepted" ? { kind: "accepted", detail: answer.detail, ref } : answer;
}

/** Somebody has deleted it, or it may not be edited any more. */
const gone = new Set(["message_not_found", "cant_update_message", "edit_window_closed"]);
/** Of Slack itself, and of the moment. */
const passing = new Set([
  "internal_error",
  "fatal_error",
  "service_unavailable",
  "request_timeout",
  "team_added_to_org",
]);

const eventType = "waymark_alert";

async function postMessage(via: ViaApi, { alertId }: Notice, text: string): Promise<Answer> {
  const metadata = { event_type: eventType, event_payload: { alert_id: alertId } };
  const posted = await call(via, "chat.postMessage", { channel: via.channel, text, metadata });
  if (posted.kind !== "accepted") return posted;
  const { channel, ts } = posted.read;
  return { kind: "accepted", detail: posted.detail, ref: `${channel}:${ts}` };
}

/** Null when it is not there, and when this token may not look (`channels:history`). */
async function findMessage(via: ViaApi, notice: Notice): Promise<string | null> {
  if (notice.maybeSinceMs === null) return null;
  const oldest = String(Math.floor(notice.maybeSinceMs / 1_000) - 60);
  const { channel } = via;
  const wanted = { channel, oldest, limit: 200, include_all_metadata: true };
  const found = await call(via, "conversations.history", wanted);
  if (found.kind !== "accepted" || !Array.isArray(found.read.messages)) return null;
  type Message = { ts?: string; metadata?: { event_payload?: { alert_id?: string } } };
  const message = (found.read.messages as Message[])
    .find((m) => m.metadata?.event_payload?.alert_id === notice.alertId);
  return message?.ts === undefined ? null : `${channel}:${message.ts}`;
}

type Called =
  | { kind: "accepted"; detail: string; read: Record<string, unknown> }
  | { kind: "refused"; detail: string; error: string }
  | (Answer & { kind: "later" });

async function call(via: ViaApi, method: string, args: Record<string, unknown>): Promise<Called> {
  const response = await via.post({
    url: `${via.url.replace(/\/+$/, "")}/${method}`,
    body: JSON.stringify(args),
    headers: { authorization: `Bearer ${via.token}` },
  });
  if (!response.ok) return later(response.detail);
  if (response.status === 429) return limited(response);
  const read = parsed(response.body);
  // Whatever is not Slack's own answer says nothing about the message.
  if (response.status !== 200 || read === null) return later(said(response.status, response.body));
  if (read.ok === true) return { kind: "accepted", detail: `${method} ok`, read };
  const error = String(read.error ?? "no reason given");
  const detail = `${method}: ${error}`.slice(0, 300);
  if (error === "ratelimited" || error === "rate_limited") return limited(response);
  return passing.has(error) ? later(detail) : { kind: "refused", detail, error };
}

const later = (detail: string): Called & { kind: "later" } => ({ kind: "later", cause: "failing", detail });

const limited = ({ status, body, retryAfterMs }: Posted & { ok: true }): Called => ({
  kind: "later",
  cause: "limited",
  detail: said(status, body),
  ...(retryAfterMs !== null && { afterMs: retryAfterMs }),
});

function parsed(body: string): Record<string, unknown> | null {
  try {
    const read: unknown = JSON.parse(body);
    return typeof read === "object" && read !== null ? read as Record<string, unknown> : null;
  } catch {
    return null;
  }
}

/** Slack reads `&`, `<` and `>` as its own. */
const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

const marks = {
  trigger: ":red_circle: *firing*",
  repeat: ":red_circle: *firing*",
  acknowledge: ":large_yellow_circle: *acknowledged*",
  resolve: ":large_green_circle: *resolved*",
};

export function slackText(notice: Notice, publicUrl: string): string {
  const { kind, alert, acknowledgement } = notice;
  const link = cityLink(publicUrl, alert.city);
  const runbook = runbookOf(alert);
  return [
    `${marks[kind]} ${escaped(headline(notice))}`,
    ...(kind === "acknowledge" && acknowledgement !== null
      ? [`by ${escaped(acknowledgement.by)}: ${escaped(acknowledgement.why)}`]
      : []),
    [
      ...(link === null ? [] : [`<${link}|${escaped(alert.city)} in Waymark>`]),
      ...(runbook === null ? [] : [`<${runbook}|Runbook>`]),
    ].join(" · "),
  ].filter((line) => line !== "").join("\n");
}
