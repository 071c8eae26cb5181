/**
 * A process of garbage_test.ts: posts events to the server in this process one after the other, lets the collector do
 * its quick rounds only, and prints how many bytes of the heap they have left.
 *
 *   deno run --v8-flags=--expose-gc garbage_server.ts REQUESTS
 */
import { Hono } from "hono";
import { doorBounds } from "../../../src/http/bounds.ts";
import { createBodyReader } from "../../../src/http/body.ts";
import { startServer } from "../../../src/http/serve.ts";
import { systemClock as clock } from "../../../src/time.ts";

const collect = (globalThis as unknown as { gc(how?: { type: "minor" }): void }).gc;
const readBody = createBodyReader({ clock, bounds: doorBounds });
const hono = new Hono();
hono.post("/", async (c) => {
  const body = await readBody(c.req.raw);
  if (!body.ok) return c.text(body.message, 400);
  body.release();
  return c.json({ bytes: body.bytes.length }, 202);
});
const app = { hono, bounds: doorBounds, served: () => {}, close: async () => {} };
const server = await startServer({ app: app as never, host: "127.0.0.1", port: 0, clock });
const connection = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
const answer = new Uint8Array(4_096);
const request = new TextEncoder().encode(
  `POST / HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n${
    "x".repeat(100)
  }`,
);

async function ask(times: number): Promise<void> {
  for (let i = 0; i < times; i++) {
    await connection.write(request);
    const bytes = await connection.read(answer);
    // "HTTP/1.1 202"
    if (bytes === null || answer[9] !== 50) throw new Error("there was another answer");
    if (i % 100 === 99) collect({ type: "minor" });
  }
}

await ask(1_000);
collect();
const before = Deno.memoryUsage().heapUsed;
await ask(Number(Deno.args[0]));
collect({ type: "minor" });
collect({ type: "minor" });
console.log(`left ${Deno.memoryUsage().heapUsed - before}`);
connection.close();
Deno.exit(0);
