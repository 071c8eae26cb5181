/**
 * The application on a port, and its end: streams are told to go, requests in hand finish, and what still hangs at
 * the deadline is answered 503 and cut off.
 *
 * The server is the runtime's node:http and not its Deno.serve, which has no bounds on slow headers, idle connections
 * and the number of either (decision 0041).
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { type Clock, secondMs } from "../time.ts";
import { type RequestFacts, unknownFacts } from "./access_log.ts";
import type { App } from "./app.ts";
import { guardConnections } from "./connections.ts";
import { refusalResponse, refuse } from "./errors.ts";
import { isStream, requestOf, send } from "./exchange.ts";

export type ServeOptions = {
  app: Pick<App, "hono" | "bounds" | "served" | "close">;
  host: string;
  /** 0 takes a free one. */
  port: number;
  clock: Clock;
  /** Several processes on one port (Linux). */
  reusePort?: boolean;
};

export type Server = {
  /** With the port that was taken. */
  url: string;
  port: number;
  /** Resolves when every connection is done; `cut` is true when some had to be cut at `deadlineMs`. Repeating is harmless. */
  stop(deadlineMs: number): Promise<{ cut: boolean }>;
};

/** How long last words may take to be sent. */
const lastWordMs = secondMs;

/** Throws what the system says when the address cannot be taken. */
export async function startServer(options: ServeOptions): Promise<Server> {
  const { app, host, port, clock, reusePort = false } = options;
  const { bounds } = app;
  const server = createServer({
    headersTimeout: bounds.headersMs,
    // The body has its own deadline (body.ts); this one ends the bodies that nobody reads.
    requestTimeout: 2 * (bounds.headersMs + bounds.bodyMs),
    keepAliveTimeout: bounds.idleMs,
    connectionsCheckingInterval: Math.ceil(bounds.headersMs / 10),
    maxHeaderSize: bounds.headersBytesMax,
  });
  server.timeout = bounds.silentMs;
  const connections = guardConnections(server, { bounds, clock });
  /** How to answer each request in hand without waiting for its own answer. */
  const lastWords = new Set<() => void>();
  let draining = false;

  server.on("request", (incoming: IncomingMessage, outgoing: ServerResponse) => {
    if (incoming.socket.destroyed) return;
    const { promise, resolve } = Promise.withResolvers<Response>();
    const lastWord = () =>
      resolve(
        refusalResponse(refuse("draining", "this node has shut down before it could answer; try again")),
      );
    lastWords.add(lastWord);
    const facts = unknownFacts();
    const begunMs = clock.monotonicMs();
    void answered(incoming, facts, app).then(resolve);
    void promise.then(async (response) => {
      lastWords.delete(lastWord);
      if (draining) outgoing.shouldKeepAlive = false;
      const whole = incoming.complete;
      const bytesOut = await send(response, incoming, outgoing);
      app.served(facts, {
        method: incoming.method ?? "",
        status: response.status,
        ms: clock.monotonicMs() - begunMs,
        bytesOut,
        isStream: isStream(response),
      });
      if (!whole) outgoing.once("finish", () => connections.part(incoming.socket));
    });
  });

  const taken = await new Promise<number>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port, reusePort, backlog: bounds.connectionsMax }, () => {
      server.off("error", reject);
      resolve((server.address() as { port: number }).port);
    });
  });
  let stopping: Promise<{ cut: boolean }> | null = null;

  async function stop(deadlineMs: number): Promise<{ cut: boolean }> {
    draining = true;
    const done = new Promise<true>((resolve) => server.close(() => resolve(true)));
    await app.close();
    connections.closeQuiet();
    const over = new AbortController();
    const within = (ms: number) => clock.sleep(ms, over.signal).then(() => false);
    const finished = await Promise.race([done, within(deadlineMs)]);
    if (!finished) {
      for (const lastWord of lastWords) lastWord();
      await Promise.race([done, within(lastWordMs)]);
      server.closeAllConnections();
    }
    over.abort();
    await done;
    return { cut: !finished };
  }

  return {
    url: `http://${host.includes(":") && !host.startsWith("[") ? `[${host}]` : host}:${taken}`,
    port: taken,
    stop: (deadlineMs) => stopping ??= stop(deadlineMs),
  };
}

async function answered(
  incoming: IncomingMessage,
  facts: RequestFacts,
  { hono, bounds }: ServeOptions["app"],
): Promise<Response> {
  if (incoming.rawHeaders.length > 2 * bounds.headersMax) {
    return refusalResponse(refuse("headers_too_large", `there are more than ${bounds.headersMax} headers`));
  }
  const request = requestOf(incoming, (bytes) => void (facts.bytesIn += bytes));
  if (request === null) {
    return refusalResponse(
      refuse("request_malformed", "the method, address or host is none that a request can have"),
    );
  }
  return await hono.fetch(request, { facts });
}
