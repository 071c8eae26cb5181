/**
 * A network of one's own between a client and a server, which can be broken in the ways that networks break.
 *
 *   client ──► proxy ──► server        pass            bytes go both ways
 *                                      hold            nothing goes any way, nobody is told; later `pass` lets it through
 *                                      drop_to_server  what the client sends is gone, answers go on
 *                                      drop_to_client  requests go on, what the server sends is gone
 *                                      reset           connections are cut off, new ones as soon as they come
 *
 * A mode is set for everybody, those who connect later included, or for one connection.
 */
import type { Buffer } from "node:buffer";
import { connect, createServer, type Server, type Socket } from "node:net";

export type ProxyMode = "pass" | "hold" | "drop_to_server" | "drop_to_client" | "reset";

export type ProxiedConnection = {
  set(mode: ProxyMode): void;
  /** The first bytes of what the client sent last: tells connections for different purposes apart. */
  lastSent(): Buffer | null;
};

export type TcpProxy = {
  port: number;
  set(mode: ProxyMode): void;
  /** Those that neither side has closed. */
  connections(): ProxiedConnection[];
  close(): Promise<void>;
};

type Direction = "to_server" | "to_client";

/** Listens on loopback, on the port given or on a free one. */
export async function startTcpProxy(
  { to, port = 0 }: { to: number; port?: number },
): Promise<TcpProxy> {
  const open = new Set<ReturnType<typeof proxied>>();
  let mode: ProxyMode = "pass";

  const server = createServer((client) => {
    const connection = proxied(client, { to, mode, closed: () => open.delete(connection) });
    open.add(connection);
    connection.set(mode);
  });
  return {
    port: await listening(server, port),
    set(wanted) {
      mode = wanted;
      for (const connection of [...open]) connection.set(mode);
    },
    connections: () => [...open],
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const connection of [...open]) connection.set("reset");
      await closed;
    },
  };
}

async function listening(server: Server, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  return (server.address() as { port: number }).port;
}

function proxied(
  client: Socket,
  { to, mode: initial, closed }: { to: number; mode: ProxyMode; closed(): void },
): ProxiedConnection & { set(mode: ProxyMode): void } {
  const server = connect(to, "127.0.0.1");
  const held: { to: Socket; bytes: Buffer }[] = [];
  let mode = initial;
  let lastSent: Buffer | null = null;
  let isClosing = false;

  function forward(bytes: Buffer, direction: Direction): void {
    const target = direction === "to_server" ? server : client;
    if (direction === "to_server") lastSent = bytes;
    if (mode === "hold") held.push({ to: target, bytes });
    else if (mode !== `drop_${direction}`) target.write(bytes);
  }

  /** The other side learns of it unless nothing goes through. */
  function ended(): void {
    isClosing = true;
    if (mode === "pass" || mode === "reset") end();
  }

  function end(): void {
    client.destroy();
    server.destroy();
    closed();
  }

  for (const [socket, direction] of [[client, "to_server"], [server, "to_client"]] as const) {
    socket.on("data", (bytes: Buffer) => forward(bytes, direction));
    socket.on("close", ended);
    socket.on("error", () => {});
  }
  return {
    lastSent: () => lastSent,
    set(wanted) {
      mode = wanted;
      if (mode === "reset") return end();
      if (mode !== "pass") return;
      for (const { to, bytes } of held.splice(0)) to.write(bytes);
      if (isClosing) end();
    },
  };
}
