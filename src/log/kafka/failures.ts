/**
 * What a failure of a broker means, and trying again while it may pass.
 *
 * A connection that breaks, a leader that moves, a coordinator that loads: all pass, and are tried again until the
 * patience is over. What will not pass (a wrong password or certificate, a missing right) is said at once. Both as log_unavailable,
 * naming what was tried: the caller may try again, and the operator reads why.
 */
import { messageOf, WaymarkError } from "../../errors.ts";
import type { Clock } from "../../time.ts";
import { isCertificateFailure } from "./certificate.ts";
import { kafkaError } from "./library.ts";

/** Kafka's error codes that are decided upon here. https://kafka.apache.org/protocol#protocol_error_codes */
export const code = {
  none: 0,
  offsetOutOfRange: 1,
  unknownTopicOrPartition: 3,
  messageTooLarge: 10,
  recordListTooLarge: 18,
  illegalGeneration: 22,
  unknownMemberId: 25,
  rebalanceInProgress: 27,
  topicAlreadyExists: 36,
  outOfOrderSequence: 45,
  duplicateSequence: 46,
  invalidProducerEpoch: 47,
  unknownProducerId: 59,
  groupIdNotFound: 69,
  memberIdRequired: 79,
  fencedInstanceId: 82,
} as const;

/** The coordinator has moved, or is not ready. */
const coordinatorCodes: readonly number[] = [14, 15, 16];
export const isCoordinatorCode = (errorCode: number) => coordinatorCodes.includes(errorCode);

export function refuse(errorCode: number): void {
  if (errorCode !== code.none) throw kafkaError(errorCode);
}

/** What kafkajs puts on its errors. */
type BrokerError = { name?: string; broker?: string; retriable?: boolean; type?: string };

/** A refused identity, a codec that is not there, and mistakes of ours: trying again changes nothing. */
const lasting = new Set([
  "KafkaJSSASLAuthenticationError",
  "KafkaJSNotImplemented",
  "RangeError",
  "ReferenceError",
  "TypeError",
]);

/** Whether the same request may succeed a moment later. */
export function mayPass(error: unknown): boolean {
  if (error instanceof WaymarkError) return false;
  const { name, retriable, type } = error as BrokerError;
  if (lasting.has(name ?? "") || isCertificateFailure(error)) return false;
  return type === undefined || retriable === true;
}

export function unavailable(action: string, error: unknown): WaymarkError {
  if (error instanceof WaymarkError) return error;
  const { broker } = error as BrokerError;
  const why = messageOf(error);
  const from = broker === undefined || why.includes(broker) ? "" : `${broker}: `;
  return new WaymarkError("log_unavailable", `${action}: ${from}${why}`, { cause: error });
}

export type Patience = { clock: Clock; patienceMs: number; signal: AbortSignal };

const pauseMsFirst = 20;
const pauseMsMax = 1_000;

/** The pause before the next try: doubled each time, up to a second. */
export const pauseMs = (tries: number) => Math.min(pauseMsFirst * 2 ** Math.min(tries, 10), pauseMsMax);

/** Whether a failure that is tried again for ever is worth a word: the fifth in a row, then each minute or so. */
export const isWorthTelling = (failures: number) => failures === 5 || failures % 60 === 59;

/** Works until it succeeds, cannot succeed any more, or the patience is over. Throws log_unavailable. */
export async function patiently<T>(
  action: string,
  { clock, patienceMs, signal }: Patience,
  work: (tries: number) => Promise<T>,
): Promise<T> {
  const untilMs = clock.monotonicMs() + patienceMs;
  for (let tries = 0;; tries++) {
    try {
      return await work(tries);
    } catch (error) {
      if (!mayPass(error) || signal.aborted || clock.monotonicMs() > untilMs) {
        throw unavailable(action, error);
      }
      await clock.sleep(pauseMs(tries), signal);
    }
  }
}
