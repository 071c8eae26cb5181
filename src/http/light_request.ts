/**
 * A request as the doors read it: method, address, headers and body.
 *
 * It has what we use of the runtime's Request and is none. The runtime's outlives the collector's quick rounds, as does
 * a stream that is read: every request then leaves itself, its headers and its connection's objects behind until a
 * thorough round, seconds later, which makes the process larger by 100 MB at 2,000 requests a second and the thorough
 * rounds long.
 */
import type { IncomingBody } from "./incoming_body.ts";

const forbidden = /^(CONNECT|TRACE|TRACK)$/i;

/** Null for what no Request could stand for. `url` is whole. */
export function lightRequest(
  url: string,
  { method, headers, body }: {
    method: string;
    headers: [name: string, value: string][];
    body: IncomingBody | null;
  },
): Request | null {
  const parsed = URL.parse(url);
  if (parsed === null || parsed.username !== "" || parsed.password !== "" || forbidden.test(method)) {
    return null;
  }
  try {
    return new LightRequest(parsed.href, method, new Headers(headers), body) as unknown as Request;
  } catch {
    // A header that none can be.
    return null;
  }
}

class LightRequest implements Pick<Request, "url" | "method" | "headers" | "bodyUsed"> {
  constructor(
    readonly url: string,
    readonly method: string,
    readonly headers: Headers,
    readonly body: IncomingBody | null,
  ) {}

  /** Whoever reads a body here never lets go of it. */
  get bodyUsed(): boolean {
    return this.body?.locked ?? false;
  }
}
