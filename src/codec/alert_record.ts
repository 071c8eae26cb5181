/** Bytes of `alerts` and `alert-journal` → what they say, or null. Never throws. */
import { alertStates, type AlertTransition } from "../../schemas/alert.ts";
import { type JournalFact, journalFact } from "../../schemas/alert_journal.ts";
import { fromUtf8 } from "../ids.ts";

const isoPattern = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/;

/** We wrote it ourselves, so the check is a cheap one: what readers sort and compare by. */
export function readAlert(value: Uint8Array): AlertTransition | null {
  const read = parse(value);
  if (read === null || !isCity(read.city) || !isRev(read.rev)) return null;
  if (!(alertStates as readonly unknown[]).includes(read.state)) return null;
  const named = [read.rule, read.alert_id, read.summary].every((text) => typeof text === "string");
  const timed = [read.since, read.at, read.window_start, read.window_end].every(isTime);
  return named && timed ? read as unknown as AlertTransition : null;
}

/** People's words are in it, and it decides about pages: checked in full. */
export function readJournalFact(value: Uint8Array): JournalFact | null {
  const read = journalFact.safeParse(parse(value));
  return read.success ? read.data : null;
}

function parse(value: Uint8Array): Record<string, unknown> | null {
  try {
    const read: unknown = JSON.parse(fromUtf8(value));
    return typeof read === "object" && read !== null && !Array.isArray(read)
      ? read as Record<string, unknown>
      : null;
  } catch {
    return null;
  }
}

const isCity = (value: unknown): boolean =>
  typeof value === "string" && value.length >= 1 && value.length <= 64;
const isRev = (value: unknown): boolean => typeof value === "string" && /^\d{19}$/.test(value);
const isTime = (value: unknown): boolean =>
  typeof value === "string" && isoPattern.test(value) && !Number.isNaN(Date.parse(value));
