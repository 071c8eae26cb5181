/**
 * A network of one's own between a client and a server, which can be broken in the ways that networks break.
 *
 *   client ──► proxy ──► server        pass            bytes go both ways
 *                                      hold            nothing goes any way, nobody is told; later `pass` lets it through
 *                                      drop_to_server  what the client sends is gone, answers go on
 *                                      drop_to_client  requests go on, what the server sends is gone
 *                                      half_open       the server has hung up and the client never learns of it
 *                                      reset           connections are cut off, new ones as soon as they come
 *                                      { latencyMs }   everything comes so much later, in its order
 *                                      { bytesPerSecond }   each way of each connection carries no more than that
 *
 * A mode is set for everybody, those who connect later included, or for one connection. A connection that was once
 * half open stays so until the client closes it.
 */
import type { Buffer } from "node:buffer";
import { connect, createServer, type Server, type Socket } from "node:net";
import { systemClock } from "../../src/time.ts";

export type ProxyMode =
  | "pass"
  | "hold"
  | "drop_to_server"
  | "drop_to_client"
  | "half_open"
  | "reset"
  | { latencyMs: number }
  | { bytesPerSecond: number };

export type ProxiedConnection = {
  set(mode: ProxyMode): void;
  /** The first bytes of what the client sent last: tells connections for different purposes apart. */
  lastSent(): Buffer | null;
  /** What a mode that drops has lost of this connection so far, both ways together. */
  droppedBytes(): number;
};

export type TcpProxy = {
  port: number;
  set(mode: ProxyMode): void;
  /** Those that neither side has closed. */
  connections(): ProxiedConnection[];
  close(): Promise<void>;
};

type Direction = "to_server" | "to_client";

/** More than this on its way, and the sender has to wait: as if the window of the connection were full. */
const underWayBytesMax = 1024 * 1024;
/** A narrow line carries what it may in so many pieces a second. */
const piecesPerSecond = 20;

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
  const lanes = { to_server: lane(client, server, ended), to_client: lane(server, client, ended) };
  let mode = initial;
  let lastSent: Buffer | null = null;
  let droppedBytes = 0;
  let isHalfOpen = false;
  let isClosing = false;

  function forward(bytes: Buffer, direction: Direction): void {
    if (direction === "to_server") lastSent = bytes;
    if (mode === `drop_${direction}`) droppedBytes += bytes.length;
    else if (!isHalfOpen) lanes[direction].carry(bytes);
  }

  /** The other side learns of it when everything before it has arrived, unless nothing goes through. */
  function ended(): void {
    if (!isClosing || Object.values(lanes).some((lane) => lane.isCarrying())) return;
    if (typeof mode === "object" || mode === "pass" || mode === "reset") end();
  }

  function end(): void {
    client.destroy();
    server.destroy();
    for (const lane of Object.values(lanes)) lane.close();
    closed();
  }

  for (const [socket, direction] of [[client, "to_server"], [server, "to_client"]] as const) {
    socket.on("data", (bytes: Buffer) => forward(bytes, direction));
    socket.on("close", () => {
      if (isHalfOpen) return socket === client ? end() : undefined;
      isClosing = true;
      ended();
    });
    socket.on("error", () => {});
  }
  return {
    lastSent: () => lastSent,
    droppedBytes: () => droppedBytes,
    set(wanted) {
      mode = wanted;
      if (mode === "reset") return end();
      if (mode === "half_open" && !isHalfOpen) {
        isHalfOpen = true;
        server.destroy();
      }
      for (const lane of Object.values(lanes)) lane.set(mode);
      ended();
    },
  };
}

/** One way of one connection: what it carries arrives in its order, and when the mode lets it. */
function lane(from: Socket, to: Socket, emptied: () => void) {
  const queue: { bytes: Buffer; atMs: number }[] = [];
  let queuedBytes = 0;
  let mode: ProxyMode = "pass";
  let changed = new AbortController();
  let isRunning = false;
  let isOver = false;

  async function run(): Promise<void> {
    if (isRunning) return;
    isRunning = true;
    while (queue.length > 0 && !isOver && mode !== "hold") {
      const waitMs = waitOf(queue[0]!);
      if (waitMs > 0) await systemClock.sleep(waitMs, changed.signal);
      else give();
    }
    isRunning = false;
    if (queue.length === 0) emptied();
  }

  function waitOf({ atMs }: { atMs: number }): number {
    const nowMs = systemClock.monotonicMs();
    if (typeof mode !== "object") return 0;
    return "latencyMs" in mode ? atMs + mode.latencyMs - nowMs : freeAtMs - nowMs;
  }

  let freeAtMs = 0;
  function give(): void {
    const { bytes, atMs } = queue.shift()!;
    let piece = bytes;
    if (typeof mode === "object" && "bytesPerSecond" in mode) {
      piece = bytes.subarray(0, Math.max(1, Math.floor(mode.bytesPerSecond / piecesPerSecond)));
      if (piece.length < bytes.length) queue.unshift({ bytes: bytes.subarray(piece.length), atMs });
      freeAtMs = systemClock.monotonicMs() + piece.length / mode.bytesPerSecond * 1_000;
    }
    queuedBytes -= piece.length;
    if (from.isPaused() && queuedBytes < underWayBytesMax) from.resume();
    to.write(piece);
  }

  return {
    carry(bytes: Buffer): void {
      if (queue.length === 0 && mode === "pass") return void to.write(bytes);
      queue.push({ bytes, atMs: systemClock.monotonicMs() });
      queuedBytes += bytes.length;
      if (queuedBytes > underWayBytesMax) from.pause();
      void run();
    },
    isCarrying: () => queue.length > 0,
    set(wanted: ProxyMode): void {
      mode = wanted;
      changed.abort();
      changed = new AbortController();
      void run();
    },
    close(): void {
      isOver = true;
      changed.abort();
    },
  };
}
