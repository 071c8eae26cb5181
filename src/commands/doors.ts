/**
 * The addresses of one process: the port that people use, and, for one of several workers on a machine, a private
 * port beside the shared one, at which the other processes reach exactly this one.
 */
import { hostname } from "node:os";
import type { Config } from "../config.ts";
import { messageOf, WaymarkError } from "../errors.ts";
import { type App } from "../http/app.ts";
import { type Server, startServer } from "../http/serve.ts";
import { systemClock } from "../time.ts";

export type Ports = {
  /** The port people use; shared among workers. */
  port: number;
  /** Of this worker alone; null when `port` is. */
  ownPort: number | null;
  /** Where the other processes of the group reach this one. */
  address: string;
  /** What stays the same when this process is started again; undefined where its port is any free one. */
  instance: string | undefined;
};

/** Says so before anything is opened when a port cannot be listened on. Throws config_invalid. */
export function choosePorts(config: Config, worker: string | null): Ports {
  const isWorker = worker !== null;
  const { WAYMARK_HOST: host, WAYMARK_PORT: wanted, WAYMARK_ADVERTISED_URL: advertised } = config;
  // Shared with the other workers, who listen already: the supervisor has tried it.
  const port = isWorker ? wanted : freePort(host, wanted);
  const ownPort = isWorker ? freePort(host, 0) : null;
  return {
    port,
    ownPort,
    address: addressOf({ host, advertised, port, ownPort }),
    instance: wanted === 0 ? undefined : instanceOf([hostname(), host, String(wanted), worker ?? ""]),
  };
}

/** In the characters that Kafka's own clients allow, no longer than they allow. */
const instanceOf = (parts: string[]) => parts.join("_").replaceAll(/[^A-Za-z0-9._-]/g, "-").slice(-200);

/** The port itself, or a free one where it is 0. Throws config_invalid when another program listens there. */
export function freePort(hostname: string, port: number): number {
  try {
    const listener = Deno.listen({ hostname, port });
    listener.close();
    return listener.addr.port;
  } catch (error) {
    const why = error instanceof Deno.errors.AddrInUse ? "another program listens there" : messageOf(error);
    const message =
      `cannot listen on ${hostname}:${port}: ${why}; choose another WAYMARK_PORT or WAYMARK_HOST`;
    throw new WaymarkError("config_invalid", message);
  }
}

/** A name that other machines can resolve, where the doors listen on all addresses. */
function addressOf(
  { host, advertised, port, ownPort }: {
    host: string;
    advertised: string;
    port: number;
    ownPort: number | null;
  },
): string {
  if (advertised !== "" && ownPort === null) return new URL(advertised).origin;
  if (advertised !== "") {
    return new URL(`${new URL(advertised).protocol}//${new URL(advertised).hostname}:${ownPort}`).origin;
  }
  const name = host === "0.0.0.0" || host === "::" ? hostname() : host.includes(":") ? `[${host}]` : host;
  return `http://${name}:${ownPort ?? port}`;
}

export type Doors = {
  /** Where people find the page. */
  url: string;
  stop(deadlineMs: number): Promise<void>;
};

/** The same app at every address. */
export async function openDoors(
  app: App,
  { WAYMARK_HOST: host }: Config,
  { port, ownPort }: Ports,
): Promise<Doors> {
  const shared = await startServer({ app, host, port, clock: systemClock, reusePort: ownPort !== null });
  const servers: Server[] = [shared];
  if (ownPort !== null) servers.push(await startServer({ app, host, port: ownPort, clock: systemClock }));
  return {
    url: shared.url,
    async stop(deadlineMs) {
      await Promise.all(servers.map((server) => server.stop(deadlineMs)));
    },
  };
}
