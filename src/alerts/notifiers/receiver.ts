/**
 * A receiver of alerts, as the outbox sees it: what it wants, how fast it may be told, and what its answers mean.
 *
 * An adapter turns a notice into the service's own message and the service's answer into one of three: taken, refused
 * for good, or not now. It decides about one message and remembers nothing; queues, waiting and the journal are the
 * outbox's (outbox.ts).
 */
import type { AlertTransition } from "../../../schemas/alert.ts";
import type { Acknowledgement } from "../../../schemas/alert_journal.ts";

export type Notice = {
  /** repeat: it still fires, for receivers that forget by themselves. */
  kind: "trigger" | "repeat" | "acknowledge" | "resolve";
  /** The newest transition; of a resolve, the one that ended the incident or came after it. */
  alert: AlertTransition;
  /** The incident meant. */
  alertId: string;
  dedupKey: string;
  acknowledgement: Acknowledgement | null;
  /** What the receiver called the incident when it was told of it. */
  ref: string | null;
  /** Since when a trigger of this incident may have been taken without anybody hearing of it; null: it was not sent. */
  maybeSinceMs: number | null;
  /** A test by hand: says so wherever a person reads it. */
  test: boolean;
  atMs: number;
};

export type Answer =
  | { kind: "accepted"; detail: string; ref?: string }
  /** Never again about this message. */
  | { kind: "refused"; detail: string }
  /** failing: back off from a second on. limited: it is being told too much; `afterMs` if it says how long. */
  | { kind: "later"; cause: "failing" | "limited"; detail: string; afterMs?: number };

export type Receiver = {
  name: string;
  /** Whether it is one for this alert. */
  wants(alert: AlertTransition): boolean;
  acknowledges: boolean;
  /** Whether each incident is ended by itself, also when another one of the same rule and city has begun. */
  perIncident: boolean;
  /** At least this long between two messages. */
  spacingMs: number;
  /** How long to leave it alone when it is told too much and says no time: the first time; then twice that. */
  limitedMs: number;
  /** How often it is told again of what still fires; null for one that remembers. */
  repeatMs: number | null;
  send(notice: Notice): Promise<Answer>;
};

export const failing = (detail: string): Answer => ({ kind: "later", cause: "failing", detail });

/** For services that take a message or not by its status alone. `refused` lists what is never sent again. */
export function answerByStatus(
  { status, retryAfterMs, body }: { status: number; retryAfterMs: number | null; body: string },
  { accepted, refused }: { accepted: (status: number) => boolean; refused: (status: number) => boolean },
): Answer {
  const detail = said(status, body);
  if (accepted(status)) return { kind: "accepted", detail };
  if (refused(status)) return { kind: "refused", detail };
  if (status !== 429) return failing(detail);
  return { kind: "later", cause: "limited", detail, ...(retryAfterMs !== null && { afterMs: retryAfterMs }) };
}

/** Status and the beginning of the answer, on one line. */
export const said = (status: number, body: string): string =>
  `${status} ${body.replace(/\s+/g, " ").trim()}`.trim().slice(0, 300);

/** A receiver that says our secrets back to us must not get them into the journal or a message. */
export function withoutSecrets(receiver: Receiver, secrets: readonly string[]): Receiver {
  const clean = (text: string) =>
    secrets.reduce((rest, secret) => rest.replaceAll(secret, "(not shown)"), text);
  return {
    ...receiver,
    async send(notice) {
      const answer = await receiver.send(notice);
      return { ...answer, detail: clean(answer.detail) };
    },
  };
}
