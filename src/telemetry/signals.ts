/**
 * Named signals: what a person should hear of is told and counted together, so that a message and its counter
 * cannot drift apart. Messages carry no personal data and no secrets.
 */
import { messageOf, WaymarkError } from "../errors.ts";
import { type Clock, isoTime } from "../time.ts";
import { metrics } from "./metrics.ts";

export type Signals = {
  say(message: string): void;
  partitionStopped(tp: { topic: string; partition: number }, error: unknown): void;
  /** An answer of 500: a bug of ours, with the id of the request that met it. */
  defect(thrown: unknown, requestId: string): void;
  /** Somebody has seen people as they are: who, where and of whom as a hash, never the data. */
  unmaskedRead(read: { key: string; route: string; asked: string; rows: number; request: string }): void;
  /** A rider's data is to be erased: by whose key, never whose. */
  erasureAsked(erasure: { erasure: string; key: string }): void;
  /** A request at the HTTP doors, as fields without personal data. */
  request(fields: Record<string, string | number>): void;
  rowRefused(row: { table: string; topic: string; partition: number; offset: number; message: string }): void;
};

export function createSignals(
  clock: Clock,
  form: "text" | "json",
  write: (line: string) => void = console.error,
): Signals {
  const tell = (level: "info" | "error", message: string, fields: Record<string, string | number> = {}) => {
    const at = isoTime(clock.nowMs());
    const rest = Object.entries(fields).map(([name, value]) => ` ${name}=${JSON.stringify(value)}`).join("");
    write(
      form === "json"
        ? JSON.stringify({ at, level, message, ...fields })
        : `${at} ${level} ${message}${rest}`,
    );
  };
  return {
    say: (message) => tell("info", message),
    partitionStopped({ topic, partition }, error) {
      const code = error instanceof WaymarkError ? error.code : "crash";
      tell("error", `${topic}/${partition} stopped: ${messageOf(error)}`, { code, topic, partition });
    },
    defect(thrown, requestId) {
      metrics.httpDefects.inc();
      tell(
        "error",
        `a request met a defect: ${
          thrown instanceof Error ? thrown.stack ?? thrown.message : String(thrown)
        }`,
        { request: requestId },
      );
    },
    unmaskedRead(read) {
      metrics.unmaskedReads.inc({ key: read.key, route: read.route });
      tell("info", "an unmasked read", read);
    },
    erasureAsked(erasure) {
      metrics.erasures.inc();
      tell("info", "an erasure was asked for", erasure);
    },
    request: (fields) => tell("info", "request", fields),
    rowRefused({ table, topic, partition, offset, message }) {
      metrics.sinkRowsRefused.inc({ table });
      tell("error", `ClickHouse refused a row of ${table}: ${message}`, { topic, partition, offset });
    },
  };
}
