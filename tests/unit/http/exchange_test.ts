import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { gunzipSync } from "node:zlib";
import { Hono } from "hono";
import { doorBounds } from "../../../src/http/bounds.ts";
import { startServer } from "../../../src/http/serve.ts";
import { fromUtf8, utf8 } from "../../../src/ids.ts";
import { systemClock } from "../../../src/time.ts";
import { eventually } from "../../conformance/eventually.ts";
import { connect, type Raw } from "./raw.ts";

const long = JSON.stringify(Array.from({ length: 300 }, (_, i) => ({ city: `city-${i}` })));

/** A few routes of no application of ours, behind the server that all of ours are behind. */
async function withServer(work: (open: () => Promise<Raw>, seen: { cancelled: number }) => Promise<void>) {
  const seen = { cancelled: 0 };
  const hono = new Hono();
  hono.get("/short", (c) => c.json({ ok: true }));
  hono.get("/long", (c) => c.body(long, 200, { "content-type": "application/json" }));
  hono.get(
    "/bytes",
    (c) => c.body(utf8(long) as Uint8Array<ArrayBuffer>, 200, { "content-type": "font/woff2" }),
  );
  hono.get("/known", () => new Response(null, { status: 304, headers: { etag: '"x"' } }));
  hono.get("/url", (c) => c.json({ url: c.req.url, header: c.req.header("x-one") ?? null }));
  hono.post("/echo", async (c) => c.text(await textOf(c.req.raw)));
  hono.post("/deaf", (c) => c.text("not read"));
  hono.get("/stream", () => {
    const stream = new ReadableStream({
      start: (controller) => controller.enqueue(utf8("data: 1\n\n")),
      cancel: () => void seen.cancelled++,
    });
    return new Response(stream, { headers: { "content-type": "text/event-stream" } });
  });
  const app = { hono, bounds: doorBounds, served: () => {}, close: async () => {} };
  const server = await startServer({ app: app as never, host: "127.0.0.1", port: 0, clock: systemClock });
  const opened: Raw[] = [];
  try {
    await work(async () => {
      const raw = await connect(server.port);
      opened.push(raw);
      return raw;
    }, seen);
  } finally {
    for (const raw of opened) raw.close();
    await server.stop(20_000);
  }
}

async function textOf(request: Request): Promise<string> {
  const reader = request.body!.getReader();
  let text = "";
  for (let next = await reader.read(); !next.done; next = await reader.read()) text += fromUtf8(next.value);
  return text;
}

const get = (path: string, ...headers: string[]) =>
  [`GET ${path} HTTP/1.1`, "host: h:8080", ...headers, "", ""].join("\r\n");

describe("the server's requests and answers", () => {
  it("states the length of an answer, and keeps the connection", async () => {
    await withServer(async (open) => {
      const raw = await open();
      for (let i = 0; i < 3; i++) {
        await raw.send(get("/short"));
        const answer = await raw.answer();
        assert.deepEqual([answer.status, answer.headers.get("content-length"), answer.body], [
          200,
          "11",
          '{"ok":true}',
        ]);
      }
    });
  });

  it("answers requests sent in one go one after the other", async () => {
    await withServer(async (open) => {
      const raw = await open();
      await raw.send(get("/url?n=1") + get("/short") + get("/url?n=2", "x-one: a", "x-one: b"));
      assert.match((await raw.answer()).body, /"http:\/\/h:8080\/url\?n=1","header":null/);
      assert.equal((await raw.answer()).body, '{"ok":true}');
      assert.match((await raw.answer()).body, /n=2","header":"a, b"/);
    });
  });

  it("compresses long text for whoever takes gzip, and nothing else", async () => {
    await withServer(async (open) => {
      const cases: [path: string, accepts: string, encoding: string | null][] = [
        ["/long", "gzip, br", "gzip"],
        ["/long", "br, gzip;q=0.5", "gzip"],
        ["/long", "br, gzip;q=0", null],
        ["/long", "identity", null],
        ["/short", "gzip", null],
        ["/bytes", "gzip", null],
      ];
      for (const [path, accepts, encoding] of cases) {
        const raw = await open();
        await raw.send(get(path, `accept-encoding: ${accepts}`));
        const { headers } = await raw.answer();
        assert.equal(headers.get("content-encoding"), encoding, `${path} for ${accepts}`);
        assert.equal(headers.get("vary"), path === "/bytes" ? null : "accept-encoding");
        if (encoding === null && path !== "/short") {
          assert.equal(Number(headers.get("content-length")), long.length);
        }
      }
      const response = await fetchBytes(open, get("/long", "accept-encoding: gzip", "connection: close"));
      assert.equal(fromUtf8(new Uint8Array(gunzipSync(response))), long);
    });
  });

  it("sends no body with HEAD and 304", async () => {
    await withServer(async (open) => {
      const raw = await open();
      await raw.send(get("/long").replace("GET", "HEAD") + get("/known") + get("/short"));
      assert.equal((await raw.answer()).status, 200);
      assert.equal((await raw.answer()).status, 304);
      assert.equal((await raw.answer()).body, '{"ok":true}');
    });
  });

  it("reads a body in chunks, and closes after one that nobody read", async () => {
    await withServer(async (open) => {
      const raw = await open();
      await raw.send("POST /echo HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n");
      await raw.send("2\r\nde\r\n0\r\n\r\n");
      assert.equal((await raw.answer()).body, "abcde");
      await raw.send("POST /deaf HTTP/1.1\r\nhost: h\r\ncontent-length: 100000\r\n\r\nabc");
      const answer = await raw.answer();
      assert.deepEqual([answer.body, answer.headers.get("connection")], ["not read", "close"]);
      assert.equal(await raw.closed(), "");
    });
  });

  it("sends a stream as it comes, and tells it when its client has gone", async () => {
    await withServer(async (open, seen) => {
      const raw = await open();
      await raw.send(get("/stream"));
      const { headers } = await raw.answer();
      assert.equal(headers.get("content-length"), null);
      raw.close();
      await eventually("the stream was cancelled", () => seen.cancelled === 1);
    });
  });
});

/** What stands after the headers, as bytes, of an answer after which the connection is closed. */
async function fetchBytes(open: () => Promise<Raw>, request: string): Promise<Uint8Array> {
  const raw = await open();
  await raw.send(request);
  const whole = await raw.closedBytes();
  const text = Array.from(whole, (byte) => String.fromCharCode(byte)).join("");
  return whole.slice(text.indexOf("\r\n\r\n") + 4);
}
