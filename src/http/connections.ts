/**
 * How many connections there may be, how long one may take before it has asked something, and what is said to those
 * that are turned away before there is a request: by the server's parser, never by a handler.
 *
 *   connection ─► room? ──────────────────────────────► fresh ─ request ─► busy ─ answered ─► idle ─ request ─► busy …
 *                  └ none: somebody without a whole request is closed; all busy: it is closed itself
 *
 * `leaving`, who have had their last word and are given a moment to read it, make room first, then `fresh` ones, who
 * have asked nothing yet, then whoever was `idle`, or `sending` a request, for the longest: two thousand connections
 * that are silent, or send a byte a second, cannot keep out somebody with a question.
 */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { metrics } from "../telemetry/metrics.ts";
import type { Clock } from "../time.ts";
import type { DoorBounds } from "./bounds.ts";
import { type HttpErrorCode, refusalResponse, refuse } from "./errors.ts";

export type ConnectionGuard = {
  /** Sends no more, and closes the connection a moment later whatever else comes. */
  part(socket: Duplex): void;
  /** Closes those that have no request in hand. */
  closeQuiet(): void;
};

/** Requests of a connection that are not answered yet. */
type Asking = { count: number; newest: IncomingMessage; sinceMs: number };

export function guardConnections(
  server: Server,
  { bounds, clock }: { bounds: DoorBounds; clock: Clock },
): ConnectionGuard {
  const open = new Set<Duplex>();
  const leaving = new Set<Duplex>();
  const fresh = new Set<Duplex>();
  /** Since when, by the monotonic clock. */
  const idle = new Map<Duplex, number>();
  const asking = new Map<Duplex, Asking>();

  function takeIn(socket: Duplex): void {
    open.add(socket);
    fresh.add(socket);
    metrics.connections.inc();
    socket.once("close", () => {
      for (const set of [open, leaving, fresh, idle, asking]) set.delete(socket);
      metrics.connections.dec();
    });
  }

  function part(socket: Duplex): void {
    if (leaving.has(socket)) return;
    leaving.add(socket);
    depart(socket);
  }

  function depart(socket: Duplex): void {
    if (socket.destroyed) return;
    fresh.delete(socket);
    idle.delete(socket);
    socket.end();
    socket.resume();
    const gone = new AbortController();
    socket.once("close", () => gone.abort());
    void clock.sleep(bounds.partingMs, gone.signal).then(() => socket.destroy());
  }

  function turnAway(socket: Duplex, code: HttpErrorCode, message: string): void {
    // The server finds a late one late again while it is leaving.
    if (leaving.has(socket)) return;
    leaving.add(socket);
    metrics.connectionsRefused.inc({ code });
    if (!socket.writable) return void socket.destroy();
    void answerText(code, message).then((text) => {
      if (!socket.destroyed) socket.write(text);
      depart(socket);
    });
  }

  server.on("connection", (socket: Duplex) => {
    // What comes after a refusal, or from a client that has gone, concerns nobody.
    socket.on("error", () => socket.destroy());
    if (open.size < bounds.connectionsMax) return takeIn(socket);
    const leaver = longest();
    if (leaver === null) {
      metrics.connectionsRefused.inc({ code: "overloaded" });
      return void socket.destroy();
    }
    metrics.connectionsEvicted.inc({ state: leaver.state });
    for (const sockets of [open, leaving, fresh, idle, asking]) sockets.delete(leaver.socket);
    leaver.socket.destroy();
    takeIn(socket);
  });

  /** Who makes room; null when all are busy. */
  function longest(): { state: string; socket: Duplex } | null {
    for (const [state, sockets] of Object.entries({ leaving, fresh })) {
      const [socket] = sockets;
      if (socket !== undefined) return { state, socket };
    }
    const [quiet] = idle;
    const slow = asking.entries().find(([, { newest }]) => !newest.complete);
    if (slow !== undefined && (quiet === undefined || slow[1].sinceMs < quiet[1])) {
      return { state: "sending", socket: slow[0] };
    }
    return quiet === undefined ? null : { state: "idle", socket: quiet[0] };
  }

  server.on("request", (incoming: IncomingMessage, outgoing: ServerResponse) => {
    const { socket } = incoming;
    fresh.delete(socket);
    idle.delete(socket);
    const asked = asking.get(socket) ?? { count: 0, newest: incoming, sinceMs: clock.monotonicMs() };
    asked.count++;
    asked.newest = incoming;
    asking.set(socket, asked);
    if (asked.count > bounds.pipelinedMax && !socket.destroyed) {
      metrics.connectionsRefused.inc({ code: "overloaded" });
      socket.destroy();
    }
    outgoing.once("close", () => {
      if (--asked.count > 0) return;
      asking.delete(socket);
      if (open.has(socket) && !leaving.has(socket)) idle.set(socket, clock.monotonicMs());
    });
  });

  server.on("clientError", (error: Error & { code?: string }, socket: Duplex) => {
    switch (error.code) {
      case "ECONNRESET":
      case "EPIPE":
        return void socket.destroy();
      case "ERR_HTTP_REQUEST_TIMEOUT":
        return turnAway(socket, "request_timeout", `no whole request came within ${bounds.headersMs} ms`);
      case "HPE_HEADER_OVERFLOW":
        return turnAway(
          socket,
          "headers_too_large",
          `the headers have more than ${bounds.headersBytesMax} bytes`,
        );
      default:
        return turnAway(socket, "request_malformed", "what was sent is no HTTP/1.1 request");
    }
  });

  return {
    part,
    closeQuiet() {
      for (const socket of [...fresh, ...idle.keys()]) socket.destroy();
    },
  };
}

/** A refusal as it goes over the wire. */
async function answerText(code: HttpErrorCode, message: string): Promise<string> {
  const response = refusalResponse(refuse(code, message));
  const body = await response.text();
  const headers = [...response.headers].map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return `HTTP/1.1 ${response.status} ${code}\r\n${headers}content-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`;
}
