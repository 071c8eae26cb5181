/**
 * A request's body, read only when somebody reads it and no faster than it is read: of a ReadableStream that much which
 * the doors use, and none of its machinery, for the reason told in light_request.ts.
 *
 *   incoming ─ data ─► waiting reader, else held; the connection pauses while much is
 *
 * Pausing is for those who send more than is read: each pause leaves a kilobyte behind until a thorough round of the
 * collector, and a body of a few events comes in one piece, for which somebody waits.
 */
import type { IncomingMessage } from "node:http";

export type IncomingBody = Pick<ReadableStream<Uint8Array>, "locked" | "cancel"> & {
  getReader(): Pick<ReadableStreamDefaultReader<Uint8Array>, "read" | "cancel">;
};

/** Held without a reader before the connection pauses. */
const heldBytesMax = 16 * 1024;

type Next = Awaited<ReturnType<ReadableStreamDefaultReader<Uint8Array>["read"]>>;
type Waiting = { resolve(next: Next): void; reject(why: Error): void };

/** `told` hears of bytes as they come. */
export function incomingBody(incoming: IncomingMessage, told: (bytes: number) => void): IncomingBody {
  const held: Uint8Array[] = [];
  let heldBytes = 0;
  let waiting: Waiting | null = null;
  let end: "none" | "whole" | "broken" | "cancelled" = "none";

  function begin(): void {
    incoming.on("data", (chunk: Uint8Array) => {
      told(chunk.length);
      if (end !== "none") return;
      held.push(ownBytes(chunk));
      heldBytes += chunk.length;
      settle();
      if (heldBytes >= heldBytesMax) incoming.pause();
    });
    const over = (how: "whole" | "broken") => {
      if (end === "none") end = how;
      settle();
    };
    incoming.on("end", () => over("whole"));
    incoming.on("error", () => over("broken"));
    incoming.on("close", () => over("broken"));
  }

  function settle(): void {
    if (waiting === null) return;
    const { resolve, reject } = waiting;
    const value = held.shift();
    if (value === undefined && end === "none") {
      if (incoming.isPaused()) incoming.resume();
      return;
    }
    heldBytes -= value?.length ?? 0;
    waiting = null;
    if (value !== undefined) resolve({ done: false, value });
    else if (end === "broken") reject(new Error("the body broke off"));
    else resolve({ done: true } as Next);
  }

  const read = (): Promise<Next> =>
    new Promise((resolve, reject) => {
      waiting = { resolve, reject };
      settle();
    });

  function cancel(): Promise<void> {
    if (end === "none") end = "cancelled";
    held.length = 0;
    heldBytes = 0;
    incoming.pause();
    settle();
    return Promise.resolve();
  }

  // Not a getter: a record with one gets a hidden class of its own each time, which holds all of this for long.
  const body = {
    locked: false,
    cancel,
    getReader() {
      if (!body.locked) begin();
      body.locked = true;
      return { read, cancel };
    },
  };
  return body;
}

/** A small chunk may be a view into a large buffer that it would keep alive until the log has acknowledged. */
function ownBytes(chunk: Uint8Array): Uint8Array {
  return chunk.byteLength * 2 < chunk.buffer.byteLength
    ? new Uint8Array(chunk)
    : new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
}
