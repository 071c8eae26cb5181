/**
 * Row 27 of the faults: slow headers, slow body, idle keep-alive, 10,000 connections, 10 MB body, chunked liar, gzip
 * bomb, 500 headers. Each on a raw socket, each answered before anything is parsed, and beside each of them an honest
 * client is answered as if nothing were. What it does to latency and memory is measured by bench/doors.ts.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { gzipSync } from "node:zlib";
import { type DoorBounds } from "../../src/http/bounds.ts";
import { startServer } from "../../src/http/serve.ts";
import { limits } from "../../src/limits.ts";
import { metrics } from "../../src/telemetry/metrics.ts";
import { systemClock } from "../../src/time.ts";
import { eventually } from "../conformance/eventually.ts";
import { event, openDoors } from "../unit/http/doors.ts";
import { codeOf, connect, type Raw } from "../unit/http/raw.ts";

const good = JSON.stringify(event());
const head = (...lines: string[]) =>
  ["POST /v1/events HTTP/1.1", "host: h", "content-type: application/json", ...lines, "", ""].join("\r\n");
const honest = head(`content-length: ${good.length}`) + good;

type Site = { open(): Promise<Raw>; appended(): number };

/** The doors on a port; at the end an honest client is answered, and the port closes without a cut. */
async function withDoors(bounds: Partial<DoorBounds>, work: (site: Site) => Promise<void>): Promise<void> {
  await using doors = await openDoors({ bounds, running: systemClock });
  const server = await startServer({ app: doors.app, host: "127.0.0.1", port: 0, clock: systemClock });
  const opened: Raw[] = [];
  const open = async () => {
    const raw = await connect(server.port);
    opened.push(raw);
    return raw;
  };
  try {
    await work({ open, appended: () => doors.twin.appended.length });
    const last = await open();
    await last.send(honest);
    assert.equal((await last.answer()).status, 202);
    assert.deepEqual(doors.defects, []);
  } finally {
    for (const raw of opened) raw.close();
    assert.deepEqual(await server.stop(20_000), { cut: false });
  }
}

const connections = async () => (await metrics.connections.get()).values[0]?.value ?? 0;

const turnedAway = async (code: string) =>
  (await metrics.connectionsRefused.get()).values.find(({ labels }) => labels.code === code)?.value ?? 0;

describe("row 27: clients that mean ill, and clients that are ill", () => {
  it("headers that trickle in, or never come, are answered 408 and closed", async () => {
    await withDoors({ headersMs: 1_000 }, async ({ open }) => {
      const before = await turnedAway("request_timeout");
      const slow = await open();
      await slow.send("POST /v1/events HTTP/1.1\r\nhost: h\r\nx: ");
      const silent = await open();
      for (const raw of [slow, silent]) {
        const answer = await raw.answer();
        assert.deepEqual(codeOf(answer), [408, "request_timeout"]);
        assert.equal(answer.headers.get("connection"), "close");
        assert.equal(await raw.closed(), "");
      }
      assert.equal(await turnedAway("request_timeout"), before + 2);
    });
  });

  it("a body that trickles in is answered 408 and closed", async () => {
    await withDoors({ bodyMs: 1_000 }, async ({ open, appended }) => {
      const slow = await open();
      await slow.send(head("content-length: 500") + '{"ride_id":');
      assert.deepEqual(codeOf(await slow.answer()), [408, "body_timeout"]);
      assert.equal(await slow.closed(), "");
      const endless = await open();
      await endless.send(head("transfer-encoding: chunked") + "ffffffffff\r\n[");
      assert.deepEqual(codeOf(await endless.answer()), [408, "body_timeout"]);
      assert.equal(await endless.closed(), "");
      assert.equal(appended(), 0);
    });
  });

  it("a connection that asks nothing any more is closed", async () => {
    await withDoors({ idleMs: 1_000 }, async ({ open }) => {
      const raw = await open();
      for (let i = 0; i < 3; i++) {
        await raw.send(honest);
        assert.equal((await raw.answer()).status, 202);
      }
      assert.equal(await raw.closed(), "");
    });
  });

  it("500 headers, and 100 kB of them, are answered 431", async () => {
    await withDoors({}, async ({ open, appended }) => {
      const many = await open();
      const headers = Array.from({ length: 500 }, (_, i) => `x-${i}: v`);
      await many.send(head(...headers, `content-length: ${good.length}`) + good);
      assert.deepEqual(codeOf(await many.answer()), [431, "headers_too_large"]);
      const large = await open();
      await large.send(head(`x: ${"v".repeat(100_000)}`, `content-length: ${good.length}`) + good);
      assert.deepEqual(codeOf(await large.answer()), [431, "headers_too_large"]);
      await large.closed();
      assert.equal(appended(), 0);
    });
  });

  it("10 MB are answered 413: announced ones at once, others when they are over the bound", async () => {
    const megabyte = " ".repeat(1024 * 1024);
    await withDoors({}, async ({ open, appended }) => {
      const announced = await open();
      await announced.send(head("content-length: 10485760") + "[");
      assert.deepEqual(codeOf(await announced.answer()), [413, "body_too_large"]);
      await announced.closed();
      const chunked = await open();
      await chunked.send(head("transfer-encoding: chunked"));
      let answered = false;
      const answer = chunked.answer().finally(() => answered = true);
      let sent = 0;
      while (!answered && sent < 64) {
        await chunked.send(`100000\r\n${megabyte}\r\n`);
        sent++;
      }
      assert.deepEqual(codeOf(await answer), [413, "body_too_large"]);
      assert.ok(sent >= 5 && sent < 64, `${sent} MB went out before the answer`);
      assert.equal(appended(), 0);
    });
  });

  it("bodies that lie about themselves are answered 400, and never appended in part", async () => {
    await withDoors({}, async ({ open, appended }) => {
      const chunked = "transfer-encoding: chunked";
      const liars = [
        head(chunked) + `2\r\n${good}\r\n0\r\n\r\n`,
        head(chunked) + `zz\r\n${good}\r\n0\r\n\r\n`,
        head(chunked) + `${good.length.toString(16)}\r\n${good}\r\n-1\r\n\r\n`,
        head(chunked, `content-length: ${good.length}`) +
        `${good.length.toString(16)}\r\n${good}\r\n0\r\n\r\n`,
        head("content-length: 5", `content-length: ${good.length}`) + good,
        head("content-length: +5") + good,
        head("transfer-encoding: gzip, identity") + good,
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        "GET /livez\r\n\r\n",
        "GET /livez HTTP/1.1\r\nhost: h\r\nbad header: x\r\n\r\n",
        "GET /livez HTTP/1.1\r\nhost: a/b?c\r\n\r\n",
        "TRACE /livez HTTP/1.1\r\nhost: h\r\n\r\n",
        "GET http:// HTTP/1.1\r\nhost: h\r\n\r\n",
      ];
      for (const liar of liars) {
        const raw = await open();
        await raw.send(liar);
        const answer = await raw.answer();
        assert.equal(answer.status, 400, liar);
        if (answer.body !== "") {
          assert.match(codeOf(answer)[1], /^(request_malformed|body_unreadable)$/, liar);
        }
      }
      assert.equal(appended(), 0);
    });
  });

  it("a client that goes away in the middle of its body leaves nothing behind", async () => {
    await withDoors({}, async ({ open, appended }) => {
      const before = await connections();
      for (let i = 0; i < 20; i++) {
        const raw = await open();
        await raw.send(head("content-length: 500") + "[" + good);
        raw.close();
      }
      await eventually("the connections are gone", async () => await connections() <= before);
      assert.equal(appended(), 0);
    });
  });

  it("a client that asks and asks and never reads is cut off, and costs no memory", async () => {
    await withDoors({}, async ({ open }) => {
      const answered = async () => {
        const { values } = await metrics.requests.get();
        return values.filter(({ labels }) => labels.route === "/livez").reduce(
          (sum, { value }) => sum + value,
          0,
        );
      };
      const before = await answered();
      const raw = await open();
      await raw.send("GET /livez HTTP/1.1\r\nhost: h\r\n\r\n".repeat(10_000));
      await raw.closed();
      assert.ok(await answered() - before <= 100, `${await answered() - before} of 10,000 were worked on`);
    });
  });

  it("bombs are answered 413, whatever they expand to", async () => {
    await withDoors({}, async ({ open, appended }) => {
      for (const bytes of [1_000_000, 100_000_000]) {
        const bomb = new Uint8Array(gzipSync(new Uint8Array(bytes)));
        const raw = await open();
        await raw.send(head("content-encoding: gzip", `content-length: ${bomb.length}`));
        await raw.send(bomb);
        assert.equal((await raw.answer()).status, 413);
      }
      assert.equal(appended(), 0);
    });
  });

  it("10,000 silent connections: no more are held than allowed, and who asks is answered", async () => {
    await withDoors({}, async ({ open }) => {
      const before = await connections();
      const steady = await open();
      let most = 0;
      for (let wave = 0; wave < 100; wave++) {
        await Promise.all(Array.from({ length: 100 }, open));
        most = Math.max(most, await connections());
        const comer = await open();
        for (const raw of [steady, comer]) {
          await raw.send(honest);
          assert.equal((await raw.answer()).status, 202);
        }
        comer.close();
      }
      assert.ok(most <= before + limits.connectionsMax, `${most} connections at once`);
      assert.ok(most >= before + limits.connectionsMax / 2, `only ${most} connections were held`);
    });
  });

  it("slow bodies in every place: who asks is answered in the place of the slowest", async () => {
    await withDoors({ connectionsMax: 6, requestsMax: 2 }, async ({ open, appended }) => {
      const slow = await Promise.all(Array.from({ length: 6 }, open));
      const held = async () => (await metrics.bodiesBytes.get()).values[0]?.value ?? 0;
      for (const raw of slow) {
        const before = await held();
        await raw.send(head("content-length: 500") + '{"ride_id":');
        await eventually("it has come so far", async () => await held() > before);
      }
      const steady = await open();
      for (let n = 0; n < 3; n++) {
        const comer = n === 0 ? steady : await open();
        for (const raw of [steady, comer]) {
          await raw.send(honest);
          assert.equal((await raw.answer()).status, 202);
        }
        assert.equal(await slow[n]!.closed(), "");
      }
      assert.equal(appended(), 6);
    });
  });

  it("only connections without a whole request make room", async () => {
    await withDoors({ connectionsMax: 3 }, async ({ open }) => {
      const streams = async () => (await metrics.streams.get()).values[0]?.value;
      const busy = await Promise.all([open(), open(), open()]);
      for (const raw of busy) await raw.send("GET /v1/stream HTTP/1.1\r\nhost: h\r\n\r\n");
      await eventually("three streams are open", async () => await streams() === 3);
      const fourth = await open();
      assert.equal(await fourth.closed(), "");
      busy[0]!.close();
      await eventually("one has gone", async () => await streams() === 2);
    });
  });
});
