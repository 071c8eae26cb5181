/**
 * What one receiver is owed about one rule in one city, from the newest transition and the journal. Pure.
 *
 * Only the newest state counts: what happened while a receiver was away is not told one by one. Nothing is sent
 * that is older than what the journal says was sent: then `alerts` has more than was read of it.
 */
import type { AlertTransition } from "../../schemas/alert.ts";
import type { Acknowledgement, Silence } from "../../schemas/alert_journal.ts";
import { settleMs, type Told } from "./journal.ts";
import { comparePlacing } from "./newest.ts";

export type Owed =
  | { kind: "trigger"; alertId: string; dedupKey: string }
  | { kind: "resolve"; alertId: string; dedupKey: string }
  | { kind: "acknowledge"; alertId: string; dedupKey: string; acknowledgement: Acknowledgement };

export type Standing = {
  newest: AlertTransition;
  told: Told | null;
  silence: Silence | null;
  /** Of the newest transition's incident. */
  acknowledgement: Acknowledgement | null;
  /** Whether the receiver is one for this alert at all; what it was told before is still ended. */
  wanted: boolean;
  /** Whether it has a use for acknowledgements. */
  acknowledges: boolean;
  /** Whether each incident of its own must be ended, also when the next one has begun meanwhile. */
  perIncident: boolean;
  nowMs: number;
};

export const isFiring = (alert: AlertTransition): boolean =>
  alert.state === "firing" || alert.state === "no_data";

export function owed(standing: Standing): Owed | null {
  const { newest, told, silence, wanted } = standing;
  if (told !== null && comparePlacing(told.newest, newest) > 0) return null;
  const fires = wanted && isFiring(newest);
  const trigger: Owed | null = silence === null
    ? { kind: "trigger", alertId: newest.alert_id, dedupKey: newest.dedup_key }
    : null;
  if (told === null) return fires ? trigger : null;
  if (!fires) return resolveOf(told, standing);
  if (told.refused === newest.alert_id) return null;
  const same = told.alertId === newest.alert_id && told.dedupKey === newest.dedup_key;
  if (!same) return afterAnother(standing, told) ?? trigger;
  if (!told.open || told.unsure || isUndone(told, false, standing.nowMs)) return trigger;
  return acknowledgeOf(told, standing);
}

/** What is still open of an earlier incident when the next one fires. */
function afterAnother(standing: Standing, told: Told): Owed | null {
  const { newest, silence, perIncident } = standing;
  const takesOver = silence === null && !perIncident && told.dedupKey === newest.dedup_key;
  return takesOver ? null : resolveOf(told, standing);
}

function resolveOf(told: Told, { nowMs }: Standing): Owed | null {
  const due = told.open || told.unsure || isUndone(told, true, nowMs);
  return due ? { kind: "resolve", alertId: told.alertId, dedupKey: told.dedupKey } : null;
}

/** Whether a message of that kind, which nobody settled, may have undone what the receiver is to know. */
function isUndone({ attempts }: Told, opens: boolean, nowMs: number): boolean {
  return attempts.some((attempt) =>
    attempt.opens === opens && (!attempt.answered || attempt.atMs + settleMs <= nowMs)
  );
}

function acknowledgeOf(told: Told, { acknowledgement, acknowledges }: Standing): Owed | null {
  if (!acknowledges || acknowledgement === null || told.acknowledged) return null;
  return { kind: "acknowledge", alertId: told.alertId, dedupKey: told.dedupKey, acknowledgement };
}

/** Whether a receiver that forgets alerts by itself has to be told again that this one still fires. */
export function holds({ newest, told, wanted }: Standing): boolean {
  return wanted && isFiring(newest) && told !== null && told.open && told.alertId === newest.alert_id;
}
