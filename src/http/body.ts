/**
 * A request's body as bytes, taken in under three bounds: its size, the time it takes, and the bytes of all bodies
 * held at once. Each is checked as the bytes arrive; a stated Content-Length can only make the refusal come sooner.
 *
 * A request whose body is on its way is not in hand yet: it costs a connection and the bytes that have come, and a
 * thousand clients that send a byte a second keep nobody else out.
 *
 * Bytes are held until the log has answered for them, also beyond the answer to the client: a log that hangs makes
 * clients wait and then go elsewhere, and never fills the memory.
 */
import { metrics } from "../telemetry/metrics.ts";
import type { Clock } from "../time.ts";
import type { DoorBounds } from "./bounds.ts";
import { refuse, type Refused } from "./errors.ts";
import { encodingOf, inflate, joined } from "./inflate.ts";

export type TakenBody = {
  ok: true;
  bytes: Uint8Array;
  /** To be called when nobody holds the bytes any more, the log included. */
  release(): void;
};

export type BodyReader = (request: Request) => Promise<TakenBody | Refused>;

export type BodyReaderOptions = {
  clock: Clock;
  bounds: DoorBounds;
  /** Told of each body: 1 when it is awaited, -1 when it is there, or never will be. Default: nobody is. */
  awaited?: (change: 1 | -1) => void;
};

export function createBodyReader({ clock, bounds, awaited = () => {} }: BodyReaderOptions): BodyReader {
  let heldBytes = 0;

  return async (request) => {
    const encoding = encodingOf(request.headers.get("content-encoding"));
    if (encoding === null) {
      const given = JSON.stringify(request.headers.get("content-encoding"));
      return refuse("encoding_unsupported", `content-encoding is ${given}; allowed: gzip, zstd or none`, {
        field: "content-encoding",
      });
    }
    const statedBytes = Number(request.headers.get("content-length") ?? 0);
    if (statedBytes > bounds.bodyBytesMax) return tooLarge(bounds);
    if (heldBytes + statedBytes > bounds.bodiesBytesMax) return crowded();
    let ownBytes = 0;
    const hold = (bytes: number): boolean => {
      if (heldBytes + bytes > bounds.bodiesBytesMax) return false;
      heldBytes += bytes;
      metrics.bodiesBytes.set(heldBytes);
      ownBytes += bytes;
      return true;
    };
    const release = () => {
      heldBytes -= ownBytes;
      metrics.bodiesBytes.set(heldBytes);
      ownBytes = 0;
    };
    awaited(1);
    const raw = await arrive(request, { clock, bounds, hold }).finally(() => awaited(-1));
    const body = raw.ok ? inflate(raw.bytes, encoding, bounds) : raw;
    if (!body.ok) {
      release();
      return body;
    }
    if (encoding !== "identity" && !hold(body.bytes.length)) {
      release();
      return crowded();
    }
    return { ok: true, bytes: body.bytes, release };
  };
}

/** Of an abort: without a reason the runtime makes an exception, stack and all. */
const done = "done";

type Arrival = { clock: Clock; bounds: DoorBounds; hold(bytes: number): boolean };

async function arrive(
  request: Request,
  { clock, bounds, hold }: Arrival,
): Promise<{ ok: true; bytes: Uint8Array } | Refused> {
  if (request.body === null) return { ok: true, bytes: new Uint8Array(0) };
  const reader: ReadableStreamDefaultReader<Uint8Array> = request.body.getReader();
  const inTime = new AbortController();
  const late = clock.sleep(bounds.bodyMs, inTime.signal).then(() => "late" as const);
  const parts: Uint8Array[] = [];
  let bytes = 0;
  let refused: Refused | null = null;
  try {
    while (refused === null) {
      const next = await Promise.race([reader.read(), late]);
      if (next === "late") refused = refuse("body_timeout", `the body took longer than ${bounds.bodyMs} ms`);
      else if (next.done) return { ok: true, bytes: parts.length === 1 ? parts[0]! : joined(parts) };
      else if ((bytes += next.value.length) > bounds.bodyBytesMax) refused = tooLarge(bounds);
      else if (!hold(next.value.length)) refused = crowded();
      else parts.push(next.value);
    }
  } catch {
    refused = refuse("body_unreadable", "the body broke off before its end");
  } finally {
    inTime.abort(done);
  }
  // Not awaited: a client that keeps sending must not keep us here.
  reader.cancel().catch(() => undefined);
  return refused;
}

const tooLarge = (bounds: DoorBounds): Refused =>
  refuse(
    "body_too_large",
    `the body has more than ${bounds.bodyBytesMax} bytes; send it in several requests`,
  );

const crowded = (): Refused =>
  refuse("overloaded", "as many bodies as fit are being read, or wait for the log; try again");
