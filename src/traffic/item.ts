/**
 * One record on its way to the log: what every source of traffic yields and every consumer appends.
 *
 * Order is the order of sending. Between items of one key that order is what the log will keep.
 */

export type TrafficTopic = "ride-events" | "driver-locations";

export type SentItem = {
  topic: TrafficTopic;
  key: string;
  /** JSON text, or bytes that may be no JSON at all. */
  value: Uint8Array | string;
  /** When the producer sent it, milliseconds; null where a recorded file does not say. */
  recordedAtMs: number | null;
};
