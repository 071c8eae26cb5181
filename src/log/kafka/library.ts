/**
 * The seam to kafkajs 2.2.4: what is taken from inside it, with types.
 *
 * Taken are its connections (TLS, SASL, request pipelining) and its protocol encoders and decoders. Not taken are
 * its Consumer, Producer and Admin, because what they decide cannot be undone from outside:
 *   - the Consumer sends no heartbeat while a handler works, rebalances eagerly, forgets positions at every
 *     rebalance and jumps to the newest record when an offset is out of range unless told otherwise;
 *   - the Producer groups messages in quadratic time and lets a rolled-back sequence number be used by other
 *     records, which the broker then drops as a repetition; one deleted topic fails every send of that client;
 *   - all three refresh metadata for topics they were ever told of, and throw over the first bad partition.
 * The version is pinned exactly, and the conformance suite over a real broker guards the seam.
 */
import { Buffer } from "node:buffer";
import { createRequire } from "node:module";
import type { KafkaSecurity } from "./options.ts";

const require = createRequire(import.meta.url);

export type Protocol = {
  request: { apiKey: number; apiName: string; apiVersion?: number; encode?(): Promise<unknown> };
  response: {
    decode(payload: Buffer): Promise<unknown>;
    parse(decoded: unknown): Promise<unknown>;
  };
};

type Connection = { rejectRequests(error: Error): void; disconnect(): Promise<unknown> };

export type BrokerConnection = {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  isConnected(): boolean;
  lookupRequest(apiKey: number, definitions: unknown): (args: unknown) => Protocol;
  connectionPool: {
    /** 0 carries everything but fetches, which have 1: a long poll holds up nothing else. */
    pool: Connection[];
    send(protocol: Protocol & { requestTimeout?: number; logResponseError?: boolean }): Promise<unknown>;
  };
};

export type ApiName =
  | "CreateTopics"
  | "DeleteRecords"
  | "DescribeConfigs"
  | "DescribeGroups"
  | "Fetch"
  | "GroupCoordinator"
  | "Heartbeat"
  | "InitProducerId"
  | "JoinGroup"
  | "LeaveGroup"
  | "ListOffsets"
  | "Metadata"
  | "OffsetCommit"
  | "OffsetFetch"
  | "Produce"
  | "SyncGroup";

/** Reads big-endian fields one after another. */
export type Decoder = {
  readInt16(): number;
  readInt32(): number;
  readInt64(): bigint;
  readString(): string;
  readBytes(length: number): Buffer;
  readArray<T>(read: (decoder: Decoder) => T): T[];
};

/** A message of an old format as kafkajs decodes it; numbers of 64 bits are texts. */
export type OldMessage = {
  offset: string;
  /** The oldest format has none. */
  timestamp?: string;
  key: Buffer | null;
  value: Buffer | null;
};

const definitions = require("kafkajs/src/protocol/requests").requests as Record<ApiName, unknown>;
const apiKeys = require("kafkajs/src/protocol/requests/apiKeys") as Record<ApiName, number>;
const codes = require("kafkajs/src/protocol/error") as {
  createErrorFromCode(code: number): Error & { type: string; retriable: boolean };
};
const Broker = require("kafkajs/src/broker") as new (options: unknown) => BrokerConnection;
const connectionPoolBuilder = require("kafkajs/src/cluster/connectionPoolBuilder") as (options: unknown) => {
  build(address: { host: string; port: number }): Promise<unknown>;
};
const socketFactory = require("kafkajs/src/network/socketFactory") as () => unknown;

type Encoder = {
  writeInt16(value: number): Encoder;
  writeInt32(value: number): Encoder;
  writeString(value: string | null): Encoder;
  writeBytes(value: Buffer): Encoder;
};
const FieldEncoder = require("kafkajs/src/protocol/encoder") as new (bytes: number) => Encoder;
export const FieldDecoder = require("kafkajs/src/protocol/decoder") as new (bytes: Buffer) => Decoder;
/** Decodes the message formats that brokers before 0.11 wrote. */
export const decodeMessageSet = require("kafkajs/src/protocol/messageSet/decoder") as (
  decoder: Decoder,
  size: number,
) => Promise<OldMessage[]>;
export const { MemberMetadata, MemberAssignment } = require("kafkajs/src/consumer/assignerProtocol") as {
  MemberMetadata: {
    encode(metadata: { version: number; topics: string[]; userData: Buffer }): Buffer;
  };
  MemberAssignment: {
    encode(assigned: { version: number; assignment: Record<string, number[]>; userData: Buffer }): Buffer;
  };
};

type RequestQueue = {
  pending: unknown[];
  throttledUntil: number;
  throttleCheckTimeoutId: unknown;
  scheduleCheckPendingRequests(): void;
};
const { prototype: requestQueue } = require("kafkajs/src/network/requestQueue") as {
  prototype: RequestQueue;
};

// With nothing waiting, kafkajs sets a timer of a negative time again and again: 5 % of a core when idle, and a
// warning for each. A queue that is empty has nothing to check; one that is throttled is checked as before.
const scheduleCheck = requestQueue.scheduleCheckPendingRequests;
requestQueue.scheduleCheckPendingRequests = function (this: RequestQueue) {
  if (this.pending.length > 0) scheduleCheck.call(this);
};

/** kafkajs writes to the console by itself; what matters here is thrown, so nothing needs to be written. */
const silent = { namespace: () => silent, info() {}, error() {}, warn() {}, debug() {} };

export type ConnectionOptions = {
  clientId: string;
  security: KafkaSecurity;
  connectMs: number;
  requestMs: number;
};

/** A broker that is connected to when it is first asked something. */
export async function brokerAt(
  address: { host: string; port: number },
  { clientId, security, connectMs, requestMs }: ConnectionOptions,
): Promise<BrokerConnection> {
  const connectionPool = await connectionPoolBuilder({
    socketFactory: socketFactory(),
    brokers: [],
    ssl: security.tls,
    sasl: security.sasl,
    clientId,
    requestTimeout: requestMs,
    // By the wall clock, which may step: nodes.ts sets its own deadline by the monotonic one.
    enforceRequestTimeout: false,
    connectionTimeout: connectMs,
    reauthenticationThreshold: 10_000,
    maxInFlightRequests: null,
    logger: silent,
  }).build(address);
  return new Broker({ connectionPool, logger: silent, authenticationTimeout: connectMs });
}

/** The answer as it was decoded: error codes are left to the caller, who knows which partition they are about. */
export function ask<T>(broker: BrokerConnection, api: ApiName, args: unknown): Promise<T> {
  const { request, response } = broker.lookupRequest(apiKeys[api], definitions[api])(args);
  return send(broker, { request, response: { ...response, parse: async (decoded) => decoded } });
}

/** Sends a request in one given version, with a decoder of our own for the answer. */
export function askInVersion<T>(
  broker: BrokerConnection,
  { api, version, args }: { api: ApiName; version: number; args: unknown },
  decode: (payload: Buffer) => Promise<T>,
): Promise<T> {
  const versions = definitions[api] as { protocol(of: { version: number }): (args: unknown) => Protocol };
  const { request } = versions.protocol({ version })(args);
  return send(broker, { request, response: { decode, parse: async (decoded) => decoded } });
}

/** Of a request or a part of it, beside names and record batches, at most. */
const requestBytes = 32;

/** Appends record batches that were encoded elsewhere; acknowledged by all in-sync replicas. */
export function produce<T>(
  broker: BrokerConnection,
  topics: readonly { topic: string; partitions: readonly { partition: number; batch: Buffer }[] }[],
  waitMs: number,
): Promise<T> {
  const version = 7;
  const versions = definitions.Produce as { protocol(of: { version: number }): (args: unknown) => Protocol };
  const { response } = versions.protocol({ version })({});
  const encode = async () => {
    let bytes = requestBytes;
    for (const { topic, partitions } of topics) {
      bytes += 3 * topic.length;
      for (const { batch } of partitions) bytes += requestBytes + batch.length;
    }
    // One buffer: an encoder within another would be copied into it.
    const encoder = new FieldEncoder(bytes).writeString(null).writeInt16(-1).writeInt32(waitMs);
    encoder.writeInt32(topics.length);
    for (const { topic, partitions } of topics) {
      encoder.writeString(topic).writeInt32(partitions.length);
      for (const { partition, batch } of partitions) encoder.writeInt32(partition).writeBytes(batch);
    }
    return encoder;
  };
  const request = { apiKey: apiKeys.Produce, apiName: "Produce", apiVersion: version, encode };
  return send(broker, { request, response: { ...response, parse: async (decoded) => decoded } });
}

function send<T>({ connectionPool }: BrokerConnection, protocol: Protocol): Promise<T> {
  return connectionPool.send({ ...protocol, logResponseError: false }) as Promise<T>;
}

/** Gives up what is under way on a connection that does not answer any more: a disconnect alone would wait for it. */
export function drop({ connectionPool }: BrokerConnection): void {
  for (const connection of connectionPool.pool) {
    connection.rejectRequests(new Error("the broker does not answer"));
    void connection.disconnect().catch(() => {});
  }
}

/** The error that stands for a code other than 0. */
export const kafkaError = (code: number) => codes.createErrorFromCode(code);

export const asBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
