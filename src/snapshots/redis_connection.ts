/**
 * The connection to Redis, which may be away, silent or refuse us at any time.
 *
 * A call ends within `timeoutMs`, with an answer or with the reason that there is none; it is never kept for later.
 *
 *   not connected, and why is known ─► fails at once, with that       (it is tried again in the background)
 *   no answer in time ─► fails, and so does all that waits behind it: the connection is given up for a new one
 *
 * Answers come in order, so one that is overdue holds up every later one; and a connection that is only written to
 * would keep what was written until the network says that it is dead, which it may never do.
 */
import { Buffer } from "node:buffer";
import { deadline } from "@std/async";
import { createClient, RESP_TYPES } from "redis";
import { messageOf, WaymarkError } from "../errors.ts";
import { storeClosed } from "./refusals.ts";

export type RedisConnectionOptions = {
  /** `redis://` or `rediss://` (TLS), with user and password of an ACL user where wanted. */
  url: string;
  /** PEM of the certificate authorities to trust. Default: the system's. */
  authorities?: string;
  /** How long one call may take. Default 10 s. */
  timeoutMs?: number;
};

const reconnectMsMax = 2_000;

/** Both speak over the same socket; `binary` answers with bytes instead of text. */
type Clients = ReturnType<typeof clientsOf>;

export type RedisConnection = {
  /** Throws snapshot_store_unavailable. */
  ask<T>(what: string, work: (clients: Clients) => Promise<T>): Promise<T>;
  close(): Promise<void>;
};

/** Throws config_invalid where the address cannot be read; whether somebody answers there shows in the calls. */
export function openRedisConnection(options: RedisConnectionOptions): RedisConnection {
  const { timeoutMs = 10_000 } = options;
  let { host, line } = begin(options, timeoutMs);
  let closed = false;

  function giveUp(overdue: Line): void {
    overdue.failure = new Error(`no answer within ${timeoutMs} ms`);
    overdue.close();
    if (line === overdue && !closed) line = openLine(options, timeoutMs);
  }

  return {
    async ask(what, work) {
      if (closed) throw storeClosed();
      const asked = line;
      const over = new AbortController();
      const answered = asked.ready().then(() => {
        over.signal.throwIfAborted();
        return work(asked.clients);
      });
      try {
        return await deadline(answered, timeoutMs);
      } catch (error) {
        over.abort();
        if (isTimeout(error)) giveUp(asked);
        const why = asked.failure ?? error;
        throw new WaymarkError(
          "snapshot_store_unavailable",
          `cannot ${what} in Redis at ${host}: ${messageOf(why)}${adviceFor(why)}`,
          { cause: why },
        );
      }
    },
    async close() {
      if (closed) return;
      closed = true;
      line.close();
    },
  };
}

type Line = {
  clients: Clients;
  /** Why there is no connection, as far as is known; null while there is one, or the first try is under way. */
  failure: Error | null;
  /** Rejects with the failure as soon as there is one. */
  ready(): Promise<void>;
  close(): void;
};

function openLine(options: RedisConnectionOptions, timeoutMs: number): Line {
  const clients = clientsOf(options, timeoutMs);
  const { client } = clients;
  let settled = Promise.withResolvers<void>();
  const line: Line = {
    clients,
    failure: null,
    async ready() {
      if (line.failure !== null) throw line.failure;
      if (!client.isReady) await settled.promise;
    },
    close() {
      settled.reject(line.failure ?? storeClosed());
      // A client that is destroyed while it connects would connect nevertheless, and wait there for ever.
      client.on("connect", () => client.destroy());
      client.destroy();
    },
  };
  settled.promise.catch(() => {});
  client.on("ready", () => {
    line.failure = null;
    settled.resolve();
  });
  client.on("error", (error: Error) => {
    line.failure ??= error;
    settled.reject(error);
    settled = Promise.withResolvers<void>();
    settled.promise.catch(() => {});
  });
  client.connect().catch(() => {}); // Told by the event, and tried again.
  return line;
}

function clientsOf({ url, authorities }: RedisConnectionOptions, timeoutMs: number) {
  const client = createClient({
    url,
    disableOfflineQueue: true,
    socket: {
      connectTimeout: timeoutMs,
      reconnectStrategy: (attempt: number) => Math.min(50 * 2 ** Math.min(attempt, 6), reconnectMsMax),
      ...(authorities !== undefined && { tls: true, ca: authorities }),
    },
  });
  return { client, binary: client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer }) };
}

/** The host without user and password, for messages. */
function begin(options: RedisConnectionOptions, timeoutMs: number): { host: string; line: Line } {
  try {
    return { host: new URL(options.url).host, line: openLine(options, timeoutMs) };
  } catch {
    throw new WaymarkError(
      "config_invalid",
      "REDIS_URL is (not shown), which is not an address; allowed: redis://user:password@host:port/database",
    );
  }
}

const isTimeout = (error: unknown): boolean => error instanceof DOMException && error.name === "TimeoutError";

/** A server whose certificate does not prove who it is, by the codes of OpenSSL, which the runtime uses. */
const certificateFailure = /CERT|SELF_SIGNED|UNABLE_TO_(GET|VERIFY)/;

function adviceFor(error: unknown): string {
  const { code = "" } = error as { code?: string };
  const message = messageOf(error);
  if (certificateFailure.test(code)) return " (its certificate; REDIS_TLS_CA says who is trusted)";
  if (/^(WRONGPASS|NOAUTH|NOPERM)/.test(message)) return " (the user in REDIS_URL)";
  return "";
}
