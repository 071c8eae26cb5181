/** What a Kafka log is opened with, and the bounds of its work. */
import type { SecureContextOptions } from "node:tls";
import type { Clock } from "../../time.ts";
import { secondMs } from "../../time.ts";

export type KafkaSecurity = {
  /** True: TLS with the system's authorities. Without it nothing is encrypted; there is no way back to plain text. */
  tls?: boolean | (SecureContextOptions & { rejectUnauthorized?: boolean; servername?: string });
  sasl?: { mechanism: "plain" | "scram-sha-256" | "scram-sha-512"; username: string; password: string };
};

export type KafkaLogOptions = {
  /** `host:port` of one or more brokers; the others are found through them. */
  brokers: string[];
  clock: Clock;
  security?: KafkaSecurity;
  /** Shown by the broker's tools and quotas. */
  clientId?: string;
  compression?: "none" | "gzip" | "lz4";
  /** Copies of each partition of a topic that is made. Default: 3, or as many as there are brokers. */
  replicationFactor?: number;
  /** Settings of a topic that `ensureTopics` makes, and holds an existing one to. See topic_settings.ts. */
  topicSettings?: (topic: string) => Record<string, string>;
  /**
   * Whether records that state their own time keep it on a topic that the broker stamps: written to a header, and
   * believed when read. For replays to topics of their own. Default: false, since anybody who may write to an input
   * topic could state any time; such a header is then one like any other, and appending one is refused.
   */
  recordedTimes?: boolean;
  /** Published in the group's membership, for finding the owner of a partition. */
  address?: string;
  /**
   * Names this process among those of its groups, the same after a restart: it then takes its own place again at
   * once, instead of after the session of the process that died (static membership, KIP-345). Two processes must not
   * have the same one. Default: none.
   */
  instance?: string;
  timing?: Partial<KafkaTiming>;
  /** Told when a member goes on failing at what it tries again for ever: joining its group, or fetching. */
  onTrouble?: (message: string) => void;
};

export type KafkaTiming = {
  connectMs: number;
  /** A request without an answer this long means that its connection is given up. */
  requestMs: number;
  /** How long an operation is tried again before it is refused with log_unavailable. */
  patienceMs: number;
  /** A member that sends no heartbeat this long has lost its partitions. */
  sessionMs: number;
  heartbeatMs: number;
  /** How long the group waits for a member to join again. */
  rebalanceMs: number;
  /**
   * How long a round that left out what others still held may stay the last one: whoever was to give it back may have
   * ended, and come back in its own place, without a round in which it was missed.
   */
  openRoundMs: number;
  /** How long an empty fetch is held by the broker: the latency of an idle log is not affected, its cost is. */
  fetchWaitMs: number;
  /** How often the log end is looked up for readers without a group. */
  appendedPollMs: number;
};

export const timingDefaults: KafkaTiming = {
  connectMs: 5 * secondMs,
  requestMs: 20 * secondMs,
  patienceMs: 30 * secondMs,
  sessionMs: 15 * secondMs,
  heartbeatMs: 500,
  rebalanceMs: 30 * secondMs,
  openRoundMs: 3 * secondMs,
  fetchWaitMs: 100,
  appendedPollMs: 100,
};
