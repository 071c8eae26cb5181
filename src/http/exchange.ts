/**
 * One request of the runtime's HTTP server as a web Request (light_request.ts), and the Response back onto its connection.
 *
 *   incoming ─► requestOf ─► the application ─► send ─► outgoing
 *                  └ body: read only when somebody reads it, no faster than it is read (incoming_body.ts)
 *
 * An answer is whole before it is sent, with its length, and compressed for whoever takes that. Only event streams are
 * sent as they come, no faster than the client takes them. A body that nobody read ends the connection, politely: the
 * answer is on its way before the client is cut off (connections.ts).
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { gzipSync } from "node:zlib";
import { incomingBody } from "./incoming_body.ts";
import { lightRequest } from "./light_request.ts";

const hostShape = /^[A-Za-z0-9._~:\[\]-]{1,255}$/;

/** `read` is told of bytes of the body as they are read. Null for what is no request that a Request could stand for. */
export function requestOf(incoming: IncomingMessage, read: (bytes: number) => void): Request | null {
  const { method = "GET", url = "/", rawHeaders } = incoming;
  const host = incoming.headers.host ?? "nameless.invalid";
  if (incoming.httpVersionMajor !== 1 || !hostShape.test(host)) return null;
  const headers: [string, string][] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) headers.push([rawHeaders[i]!, rawHeaders[i + 1]!]);
  const body = method === "GET" || method === "HEAD" ? null : incomingBody(incoming, read);
  return lightRequest(url.startsWith("/") ? `http://${host}${url}` : url, { method, headers, body });
}

/** Resolves to the bytes of the body when all is handed to the system, or the connection is gone. Never rejects. */
export async function send(
  response: Response,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<number> {
  if (outgoing.destroyed) {
    response.body?.cancel().catch(() => undefined);
    return 0;
  }
  const headers: Record<string, string | string[]> = {};
  response.headers.forEach((value, name) => headers[name] = value);
  const cookies = response.headers.getSetCookie();
  if (cookies.length > 0) headers["set-cookie"] = cookies;
  if (!incoming.complete) headers.connection = "close";
  const type = response.headers.get("content-type") ?? "";
  if (isStream(response) && response.body !== null) {
    outgoing.writeHead(response.status, headers);
    outgoing.flushHeaders();
    return await stream(response.body, outgoing);
  }
  const whole = new Uint8Array(await response.arrayBuffer());
  const body = isWorthCompressing(whole, type, incoming) ? gzipSync(whole, { level: 3 }) : whole;
  if (isText.test(type)) headers.vary = [headers.vary, "accept-encoding"].filter(Boolean).join(", ");
  if (body !== whole) headers["content-encoding"] = "gzip";
  const hasBody = incoming.method !== "HEAD" && response.status !== 304 && response.status !== 204;
  if (hasBody) headers["content-length"] = String(body.length);
  outgoing.writeHead(response.status, headers);
  outgoing.end(hasBody ? body : undefined);
  return hasBody ? body.length : 0;
}

export const isStream = (response: Response): boolean =>
  (response.headers.get("content-type") ?? "").startsWith("text/event-stream");

const isText = /^(text\/|application\/(json|openapi|javascript)|image\/svg)/;
/** Below it, compressing saves no packet. */
const compressedFromBytes = 1_400;

function isWorthCompressing(bytes: Uint8Array, type: string, incoming: IncomingMessage): boolean {
  if (bytes.length < compressedFromBytes || !isText.test(type)) return false;
  return /(^|[ ,])gzip *(,|;(?! *q=0(\.0*)? *(,|$))|$)/.test(
    String(incoming.headers["accept-encoding"] ?? ""),
  );
}

async function stream(body: ReadableStream<Uint8Array>, outgoing: ServerResponse): Promise<number> {
  const reader = body.getReader();
  let bytes = 0;
  const gone = new Promise<void>((resolve) => outgoing.once("close", resolve));
  void gone.then(() => reader.cancel()).catch(() => undefined);
  try {
    for (;;) {
      const next = await reader.read();
      if (next.done || outgoing.destroyed) break;
      bytes += next.value.length;
      if (outgoing.write(next.value)) continue;
      await Promise.race([new Promise<void>((resolve) => outgoing.once("drain", resolve)), gone]);
    }
    outgoing.end();
  } catch {
    // Whoever ended the stream with an error wants the client to see that it is not whole.
    outgoing.destroy();
  }
  return bytes;
}
