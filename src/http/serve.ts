/**
 * The application on a port, and its end: streams are told to go, requests in hand finish, and what still hangs at
 * the deadline (a client that never sends its body) is cut.
 */
import type { Clock } from "../time.ts";
import type { App } from "./app.ts";

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
  /** Resolves when the port is closed; after `deadlineMs` the open connections are cut. Repeating is harmless. */
  stop(deadlineMs: number): Promise<{ cut: boolean }>;
};

/** Throws what the system says when the address cannot be taken. */
export function startServer({ app, host, port, clock, reusePort = false }: ServeOptions): Server {
  const cutting = new AbortController();
  const server = Deno.serve({
    hostname: host,
    port,
    reusePort,
    signal: cutting.signal,
    onListen: () => undefined,
  }, (request) => app.hono.fetch(request));
  const taken = (server.addr as Deno.NetAddr).port;
  let stopping: Promise<{ cut: boolean }> | null = null;

  async function stop(deadlineMs: number): Promise<{ cut: boolean }> {
    await app.close();
    const finished = new AbortController();
    const late = clock.sleep(deadlineMs, finished.signal).then(() => true);
    const cut = await Promise.race([server.shutdown().then(() => false), late]);
    finished.abort();
    if (cut) {
      cutting.abort();
      await server.finished;
    }
    return { cut };
  }

  return {
    url: `http://${host.includes(":") && !host.startsWith("[") ? `[${host}]` : host}:${taken}`,
    port: taken,
    stop: (deadlineMs) => stopping ??= stop(deadlineMs),
  };
}
