/**
 * Rides of which nothing is sent for a while: those of one partition of `ride-events`.
 *
 * What was due in that time is lost, not sent later. A repetition is sent only if the event was: what counts as a
 * duplicate has been there before.
 */
import type { Sending } from "./ledger.ts";
import type { Scenario } from "./scenario.ts";

/** Whether this never leaves. Asked once for each sending, in their order. */
export type Silence = (sending: Sending) => boolean;

export function silentPartition({ fromMs, untilMs, partition }: Scenario): Silence {
  const { silent, of } = partition!;
  /** Events that never left and have repetitions. */
  const lost = new Set<string>();
  return (sending) => {
    const { item } = sending;
    if (item.topic !== "ride-events") return false;
    if (sending.kind === "duplicate" && lost.has(item.value as string)) return true;
    if (item.recordedAtMs! < fromMs || item.recordedAtMs! >= untilMs || of(item.key) !== silent) return false;
    if (sending.kind === "event" && sending.fate === "again") lost.add(item.value as string);
    return true;
  };
}
