import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { httpErrorCodes } from "../../../src/http/errors.ts";
import { utf8 } from "../../../src/ids.ts";
import { startServer } from "../../../src/http/serve.ts";
import { settle, systemClock } from "../../../src/time.ts";
import { connect } from "./raw.ts";
import { type Doors, errorOf, event, openDoors } from "./doors.ts";

const good = JSON.stringify(event());
const keys = {
  ingestKeys: ["ingest-key-000001"],
  readKeys: ["read-key-00000001", "read-key-00000002@2025-01-01"],
};

/** For every code a request that earns it. A code without one fails below. */
const earned: Record<string, (doors: Doors) => Promise<Response>> = {
  route_not_found: (d) => d.get("/v1/nothing"),
  method_not_allowed: async (d) => await d.app.hono.request("/v1/events", { method: "DELETE" }),
  path_invalid: (d) => d.get(`/v1/rides/${"x".repeat(129)}`),
  query_invalid: (d) => d.get("/v1/cities?sort=worst"),
  content_type_unsupported: (d) => d.post("/v1/events", good, { "content-type": "text/plain" }),
  encoding_unsupported: (d) => d.post("/v1/events", good, { "content-encoding": "br" }),
  body_too_large: (d) => d.post("/v1/events", `[${good.padEnd(6_000_000)}]`),
  body_items_exceeded: (d) => d.post("/v1/events", `[${"1,".repeat(10_000)}1]`),
  body_ratio_exceeded: async (d) => {
    const { gzipSync } = await import("node:zlib");
    const bomb = new Uint8Array(gzipSync(new Uint8Array(1_000_000)));
    return d.post("/v1/events", bomb, { "content-encoding": "gzip" });
  },
  body_timeout: async (d) => {
    const answered = d.post("/v1/events", new ReadableStream({ pull: () => new Promise(() => {}) }));
    await settle();
    await d.clock.advance(10_000);
    return answered;
  },
  body_unreadable: (d) => d.post("/v1/events", good, { "content-encoding": "zstd" }),
  body_empty: (d) => d.post("/v1/events", "  "),
  body_not_json: (d) => d.post("/v1/events", `[${good}`),
  no_valid_items: (d) => d.post("/v1/events", "{}"),
  ride_not_found: (d) => d.get("/v1/rides/nobody"),
  driver_not_found: (d) => d.get("/v1/drivers/nobody"),
  erasure_invalid: (d) => d.post("/v1/erasures", '{"user":"u"}'),
  erasure_not_found: (d) => d.get("/v1/erasures/erased-0"),
  alert_note_invalid: (d) => d.post("/v1/alerts/silences", '{"rule":"*","city":"*"}'),
  alert_not_found: (d) => d.post("/v1/alerts/acknowledgements", '{"alert_id":"x","by":"ada","why":"on it"}'),
  silence_not_found: (d) => d.post("/v1/alerts/silences/silence-0/end", '{"by":"ada"}'),
  window_not_found: (d) => d.get("/v1/cities/atlantis/windows/2026-01-15T12:00:00Z/explain"),
  city_not_found: (d) => d.get("/v1/cities/atlantis"),
  record_not_found: (d) => d.get("/v1/records/ride-events/0/1"),
  partition_not_ready: (d) => (d.twin.state.notReady = true, d.get("/v1/rides/ride-1")),
  log_unavailable: (d) => (d.twin.state.logDown = true, d.post("/v1/events", good)),
  draining: (d) => {
    d.twin.state.health = { started: true, ready: false, draining: true, causes: [] };
    return d.post("/v1/events", good);
  },
  overloaded: async (d) => {
    d.twin.state.logHangs = true;
    void d.post("/v1/events", good);
    void d.post("/v1/events", good);
    await settle();
    return d.get("/v1/cities");
  },
  streams_exceeded: async (d) => {
    await d.get("/v1/stream");
    return d.get("/v1/stream");
  },
  key_rate_exceeded: async (d) => {
    for (let i = 0; i < 50; i++) await d.get("/v1/alerts");
    return d.get("/v1/alerts");
  },
  ride_rate_exceeded: async (d) => {
    for (let i = 0; i < 5; i++) await d.post("/v1/events", good);
    return d.post("/v1/events", good);
  },
  origin_refused: (d) => d.post("/v1/events", good, { host: "waymark", origin: "https://elsewhere.example" }),
  internal: (d) => {
    d.twin.handles.partitions = () => {
      throw new Error("a secret thing broke");
    };
    return d.get("/v1/partitions");
  },
};

/** What is answered before there is a request. */
const earnedOnSockets: typeof earned = {
  request_malformed: (d) => overSocket(d, "nonsense\r\n\r\n"),
  request_timeout: (d) => overSocket(d, "GET /livez"),
  headers_too_large: (d) =>
    overSocket(d, `GET /livez HTTP/1.1\r\nhost: h\r\nx: ${"x".repeat(20_000)}\r\n\r\n`),
};

async function overSocket({ app }: Doors, bytes: string): Promise<Response> {
  const server = await startServer({ app, host: "127.0.0.1", port: 0, clock: systemClock });
  const raw = await connect(server.port);
  await raw.send(bytes);
  const { status, headers, body } = await raw.answer();
  raw.close();
  await server.stop(20_000);
  return new Response(body, { status, headers });
}

const earnedWithKeys: typeof earned = {
  key_missing: (d) => d.get("/v1/cities"),
  key_unknown: (d) => d.get("/v1/cities", { authorization: "Bearer unknown-key-00001" }),
  key_expired: (d) => d.get("/v1/cities", { authorization: "Bearer read-key-00000002" }),
  key_scope: (d) => d.get("/v1/cities", { authorization: "Bearer ingest-key-000001" }),
};

describe("httpErrorCodes", () => {
  it("has a request that earns each code", () => {
    assert.deepEqual(
      Object.keys({ ...earned, ...earnedOnSockets, ...earnedWithKeys }).sort(),
      Object.keys(httpErrorCodes).sort(),
    );
  });

  for (const [code, earn] of Object.entries({ ...earned, ...earnedOnSockets, ...earnedWithKeys })) {
    it(`${code}: status, shape, Retry-After and headers`, async () => {
      await using doors = await openDoors({
        rates: { keyRequests: 50, keyEvents: 0, keyBurstMs: 1_000, rideEvents: 5, rideBurstMs: 1_000 },
        bounds: { requestsMax: 2, streamsMax: 1, ...(code === "request_timeout" && { headersMs: 200 }) },
        ...(code in earnedWithKeys && { config: keys }),
      });
      const response = await earn(doors);
      const wanted = httpErrorCodes[code as keyof typeof httpErrorCodes];
      assert.equal(response.status, wanted.status);
      assert.equal(
        response.headers.get("retry-after"),
        "retryAfterS" in wanted ? String(wanted.retryAfterS) : null,
      );
      assert.match(response.headers.get("content-type") ?? "", /^application\/json/);
      if (!(code in earnedOnSockets)) {
        assert.match(response.headers.get("content-security-policy") ?? "", /default-src 'none'/);
        assert.match(response.headers.get("x-request-id") ?? "", /^[\w.-]+$/);
      }
      const { error } = await response.json();
      assert.equal(error.code, code);
      assert.equal(error.docs, `docs/OPERATIONS.md#${code}`);
      assert.ok(error.message.length > 10 && !error.message.includes("secret"));
    });
  }

  it("names the allowed methods", async () => {
    await using doors = await openDoors();
    const response = await doors.app.hono.request("/v1/cities", { method: "PATCH" });
    assert.equal(response.headers.get("allow"), "GET, HEAD");
    assert.equal((await doors.app.hono.request("/v1/cities", { method: "HEAD" })).status, 200);
    assert.equal((await doors.app.hono.request("/v1/events", { method: "OPTIONS" })).status, 405);
  });

  it("keeps a harmless request id and replaces any other", async () => {
    await using doors = await openDoors();
    const idOf = async (given: string) =>
      (await doors.get("/livez", { "x-request-id": given })).headers.get("x-request-id");
    assert.equal(await idOf("abc-123"), "abc-123");
    assert.notEqual(await idOf("a b"), "a b");
    assert.notEqual(await idOf("x".repeat(65)), "x".repeat(65));
  });

  it("does not wait for a body it will not read", async () => {
    await using doors = await openDoors({ config: keys });
    let cancelled = false;
    const endless = new ReadableStream({
      pull: (c) => c.enqueue(utf8("x".repeat(1_000))),
      cancel: () => void (cancelled = true),
    });
    const response = await doors.post("/v1/events", endless);
    assert.deepEqual(await errorOf(response), { status: 401, code: "key_missing", field: "authorization" });
    assert.ok(cancelled);
  });
});
