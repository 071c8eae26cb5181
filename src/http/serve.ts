/**
 * The application on a port, and its end: streams are told to go, requests in hand finish, and what still hangs at
 * the deadline is answered 503 instead.
 *
 * The runtime's own way to cut connections (its abort signal) throws out of nowhere once a graceful shutdown has
 * begun, so every request in hand can be given our own last word instead.
 */
import { type Clock, secondMs } from "../time.ts";
import type { App } from "./app.ts";
import { refusalResponse, refuse } from "./errors.ts";

export type ServeOptions = {
  app: App;
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
  /**
   * Resolves when every connection is done, or soon after `deadlineMs`: then `cut` is true, and connections that
   * even took no last word end with the process. Repeating is harmless.
   */
  stop(deadlineMs: number): Promise<{ cut: boolean }>;
};

/** How long last words may take to be sent. */
const lastWordMs = secondMs;

/** Throws what the system says when the address cannot be taken. */
export function startServer({ app, host, port, clock, reusePort = false }: ServeOptions): Server {
  /** How to answer each request in hand without waiting for its own answer. */
  const lastWords = new Set<() => void>();
  const server = Deno.serve({ hostname: host, port, reusePort, onListen: () => undefined }, (request) => {
    const { promise, resolve, reject } = Promise.withResolvers<Response>();
    const lastWord = () =>
      resolve(
        refusalResponse(refuse("draining", "this node has shut down before it could answer; try again")),
      );
    lastWords.add(lastWord);
    Promise.resolve(app.hono.fetch(request)).then(resolve, reject).finally(() => lastWords.delete(lastWord));
    return promise;
  });
  const taken = (server.addr as Deno.NetAddr).port;
  let stopping: Promise<{ cut: boolean }> | null = null;

  async function stop(deadlineMs: number): Promise<{ cut: boolean }> {
    await app.close();
    const over = new AbortController();
    const done = server.shutdown().then(() => true);
    const within = (ms: number) => clock.sleep(ms, over.signal).then(() => false);
    const finished = await Promise.race([done, within(deadlineMs)]);
    if (!finished) {
      for (const lastWord of lastWords) lastWord();
      await Promise.race([done, within(lastWordMs)]);
    }
    over.abort();
    return { cut: !finished };
  }

  return {
    url: `http://${host.includes(":") && !host.startsWith("[") ? `[${host}]` : host}:${taken}`,
    port: taken,
    stop: (deadlineMs) => stopping ??= stop(deadlineMs),
  };
}
