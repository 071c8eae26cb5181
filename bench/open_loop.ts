/**
 * Requests at a rate that does not depend on the answers, as people and phones send them.
 *
 * The latency of a request counts from the moment it was meant to be sent. A generator that waits for answers sends
 * less while the server is slow, and leaves out just the requests that would have had to wait ("coordinated omission").
 * Every latency is kept as it is, so that no percentile is a guess. How late the generator itself was is kept beside:
 * figures below its own lateness say nothing about the server.
 */
import { systemClock } from "../src/time.ts";

export type Load = { perSecond: number; seconds: number; connections: number; port: number };

export type Measured = {
  /** Milliseconds from the intended moment to the whole answer, in the order of the answers. */
  latencies: number[];
  /** Milliseconds from the intended moment to the moment the generator came to it. */
  lateness: number[];
  /** How many answers there were of each status; 0 for requests that never got one. */
  statuses: Map<number, number>;
  seconds: number;
};

/** `request` makes the bytes of the n-th request, headers and all. */
export async function openLoop(load: Load, request: (n: number) => Uint8Array): Promise<Measured> {
  const measured: Measured = { latencies: [], lateness: [], statuses: new Map(), seconds: 0 };
  const idle = await Promise.all(Array.from({ length: load.connections }, () => connect(load.port)));
  const all = [...idle];
  const waiting: { bytes: Uint8Array; intendedMs: number }[] = [];
  const total = Math.round(load.perSecond * load.seconds);
  const over = Promise.withResolvers<void>();
  let answered = 0;

  async function ask(connection: Connection, { bytes, intendedMs }: (typeof waiting)[number]): Promise<void> {
    const status = await connection.ask(bytes).catch(() => 0);
    measured.statuses.set(status, (measured.statuses.get(status) ?? 0) + 1);
    measured.latencies.push(systemClock.monotonicMs() - intendedMs);
    if (++answered === total) over.resolve();
    const fit = status === 0 ? await connect(load.port) : connection;
    if (fit !== connection) all.push(fit);
    const next = waiting.shift();
    if (next === undefined) idle.push(fit);
    else void ask(fit, next);
  }

  const startMs = systemClock.monotonicMs();
  for (let n = 0; n < total;) {
    const due = Math.min(
      total,
      Math.floor((systemClock.monotonicMs() - startMs) * load.perSecond / 1_000) + 1,
    );
    for (; n < due; n++) {
      const intendedMs = startMs + n * 1_000 / load.perSecond;
      measured.lateness.push(systemClock.monotonicMs() - intendedMs);
      const next = { bytes: request(n), intendedMs };
      // The one that has been idle longest: one that is not used at all is told 408 and closed by the server.
      const connection = idle.shift();
      if (connection === undefined) waiting.push(next);
      else void ask(connection, next);
    }
    await systemClock.sleep(Math.max(0, startMs + n * 1_000 / load.perSecond - systemClock.monotonicMs()));
  }
  await Promise.race([over.promise, systemClock.sleep(30_000)]);
  measured.seconds = (systemClock.monotonicMs() - startMs) / 1_000;
  for (const connection of all) connection.close();
  if (answered < total) measured.statuses.set(0, (measured.statuses.get(0) ?? 0) + total - answered);
  return measured;
}

type Connection = {
  /** Resolves to the status when the whole answer is there. */
  ask(bytes: Uint8Array): Promise<number>;
  close(): void;
};

async function connect(port: number): Promise<Connection> {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  connection.setNoDelay(true);
  const buffer = new Uint8Array(64 * 1024);
  return {
    async ask(bytes) {
      for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
      let text = "";
      for (;;) {
        const read = await connection.read(buffer);
        if (read === null) throw new Error("closed before an answer");
        text += decoder.decode(buffer.subarray(0, read));
        const end = text.indexOf("\r\n\r\n");
        if (end < 0) continue;
        const length = Number(/content-length: (\d+)/i.exec(text.slice(0, end))?.[1] ?? 0);
        if (text.length >= end + 4 + length) return Number(text.slice(9, 12));
      }
    },
    close() {
      try {
        connection.close();
      } catch {
        // It was closed already.
      }
    },
  };
}

const decoder = new TextDecoder("latin1");
