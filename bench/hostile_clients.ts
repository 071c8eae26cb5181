/**
 * The clients of row 27 of the faults, all at once and for as long as the process lives, for bench/doors.ts:
 *
 *   deno run -A bench/hostile_clients.ts PORT KEY even|bursts
 *
 * With KEY "none" they are refused before their bodies; with one they get as far as they can. 10,000 connections that say
 * nothing are opened, and opened again some ten seconds after they are closed; beside them 500 a second of the others, of
 * each kind in turn. `even`: one after the other. `bursts`: a hundred of a kind at once, and the silent ones in waves. A
 * line is printed when the first of them are all there.
 */
import { gzipSync } from "node:zlib";
import { utf8 } from "../src/ids.ts";
import { systemClock } from "../src/time.ts";

const [port, key, bursts] = [Number(Deno.args[0]), Deno.args[1], Deno.args[2] === "bursts"];
const silentConnections = 10_000;
const othersPerSecond = 500;
const atOnce = bursts ? 100 : 1;
const awayMs = 10_000;
const post =
  `POST /v1/events HTTP/1.1\r\nhost: h\r\nauthorization: Bearer ${key}\r\ncontent-type: application/json\r\n`;

const bomb = new Uint8Array(gzipSync(new Uint8Array(10_000_000)));
const bombHead = utf8(`${post}content-encoding: gzip\r\ncontent-length: ${bomb.length}\r\n\r\n`);
const unkind: readonly Uint8Array[] = [
  utf8("POST /v1/events HTTP/1.1\r\nhost: h\r\nx-slow: "),
  utf8(`${post}content-length: 100000\r\n\r\n[`),
  utf8(`${post}content-length: 10485760\r\n\r\n[`),
  utf8(`${post}transfer-encoding: chunked\r\n\r\nffffffff\r\n[`),
  utf8(`${post}${Array.from({ length: 500 }, (_, i) => `x-${i}: v\r\n`).join("")}\r\n`),
  new Uint8Array([...bombHead, ...bomb]),
];

let opened = 0;
const begun = Promise.withResolvers<void>();
for (let i = 0; i < silentConnections; i++) {
  void stay();
  // In waves: the backlog of the port is finite.
  if (i % 200 === 199) await systemClock.sleep(20);
}
await begun.promise;
console.log(`${silentConnections} connections were opened`);
const begunMs = systemClock.monotonicMs();
for (let turn = 0;; turn++) {
  for (let i = 0; i < atOnce; i++) void say(unkind[turn % unkind.length]!);
  const nextMs = begunMs + (turn + 1) * atOnce * 1_000 / othersPerSecond;
  await systemClock.sleep(Math.max(0, nextMs - systemClock.monotonicMs()));
}

/** A connection that says nothing, and another one when it has been closed. */
async function stay(): Promise<void> {
  for (;;) {
    const connection = await open();
    if (++opened === silentConnections) begun.resolve();
    await connection?.read(new Uint8Array(1_024)).catch(() => null);
    connection?.close();
    await systemClock.sleep(bursts ? awayMs : awayMs * (0.5 + Math.random()));
  }
}

async function say(bytes: Uint8Array): Promise<void> {
  const connection = await open();
  await connection?.write(bytes).catch(() => 0);
  void systemClock.sleep(20_000).then(() => connection?.close());
}

async function open(): Promise<Deno.TcpConn | null> {
  return await Deno.connect({ hostname: "127.0.0.1", port }).catch(() => null);
}
