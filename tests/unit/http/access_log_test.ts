import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type AccessLine, createAccessLog, unknownFacts } from "../../../src/http/access_log.ts";
import { startServer } from "../../../src/http/serve.ts";
import { metrics } from "../../../src/telemetry/metrics.ts";
import { createSignals } from "../../../src/telemetry/signals.ts";
import { systemClock } from "../../../src/time.ts";
import { eventually } from "../../conformance/eventually.ts";
import { event, noonMs, openDoors } from "./doors.ts";

const served = { method: "GET", status: 200, ms: 1.234, bytesOut: 10, isStream: false };

function logOf(options: { every: number | null; linesMax?: number }) {
  const time = { ms: 0 };
  const lines: AccessLine[] = [];
  const tell = createAccessLog({
    clock: { monotonicMs: () => time.ms },
    linesMax: 1_000,
    write: (line) => lines.push(line),
    ...options,
  });
  const told = (route: string, status = 200) => tell({ ...unknownFacts(), route }, { ...served, status });
  return { time, lines, told };
}

describe("createAccessLog", () => {
  it("tells one in so many of what went well, route by route, and all of what did not", () => {
    const { lines, told } = logOf({ every: 10 });
    for (let i = 0; i < 25; i++) for (const route of ["/a", "/b"]) told(route);
    for (let i = 0; i < 7; i++) told("/a", 404);
    const count = (route: string, status: number) =>
      lines.filter((line) => line.route === route && line.status === status).length;
    assert.deepEqual([count("/a", 200), count("/b", 200), count("/a", 404)], [3, 3, 7]);
  });

  it("tells nothing when it is off, and still measures", async () => {
    const measured = async () =>
      (await metrics.requestSeconds.get()).values.find((v) =>
        v.metricName === "waymark_http_request_seconds_count" && v.labels.route === "/measured"
      )?.value ?? 0;
    const { lines, told } = logOf({ every: null });
    const before = await measured();
    told("/measured");
    told("/measured", 500);
    assert.equal(lines.length, 0);
    assert.equal(await measured(), before + 2);
  });

  it("has an end each second, and says how much was left out", () => {
    const { time, lines, told } = logOf({ every: 1, linesMax: 5 });
    for (let i = 0; i < 1_000; i++) told("/a", 401);
    assert.equal(lines.length, 5);
    time.ms += 1_000;
    told("/a", 401);
    told("/a", 401);
    assert.deepEqual(lines.slice(5).map((line) => line.unwritten), [995, undefined]);
  });
});

describe("the access log of the doors", () => {
  it("has route, status, sizes, the key's name and the request's id, and nothing of what was asked", async () => {
    const said: string[] = [];
    const signals = createSignals({ ...systemClock, nowMs: () => noonMs }, "json", (line) => said.push(line));
    await using doors = await openDoors({
      running: systemClock,
      config: { ingestKeys: ["app=ingest-key-000001"], readKeys: ["read-key-00000001"] },
      access: { every: 1, write: (line) => signals.request(line) },
    });
    const server = await startServer({ app: doors.app, host: "127.0.0.1", port: 0, clock: systemClock });
    const ask = async (path: string, init: RequestInit & { headers?: Record<string, string> }) => {
      const response = await fetch(`${server.url}${path}`, init);
      await response.bytes();
    };
    const body = JSON.stringify(event({ ride_id: "secret-ride", user_id: "secret-rider" }));
    await ask("/v1/events", {
      method: "POST",
      body,
      headers: {
        "content-type": "application/json",
        "authorization": "Bearer ingest-key-000001",
        "x-request-id": "abc-1",
      },
    });
    await ask("/v1/rides/secret-ride", { headers: { authorization: "Bearer read-key-00000001" } });
    await ask("/v1/drivers/secret-driver?x=secret", {
      headers: { authorization: "Bearer secret-unknown-key" },
    });
    await ask("/secret/path", {});
    await eventually("four lines are written", () => said.length === 4);
    await server.stop(20_000);
    const lines = said.map((line) => JSON.parse(line));
    const { ms, ...first } = lines[0];
    assert.equal(typeof ms, "number");
    assert.deepEqual(first, {
      at: "2026-01-15T12:00:00.000Z",
      level: "info",
      message: "request",
      method: "POST",
      route: "/v1/events",
      status: 202,
      bytes_in: body.length,
      bytes_out: '{"accepted":1,"rejected":[]}'.length,
      key: "app",
      request: "abc-1",
    });
    assert.deepEqual(lines.slice(1).map((line) => [line.route, line.status, line.key]), [
      ["/v1/rides/:id", 200, "read-1"],
      ["/v1/drivers/:id", 401, ""],
      ["unmatched", 404, ""],
    ]);
    assert.ok(!said.join().includes("secret"));
    assert.equal(new Set(lines.map((line) => line.request)).size, 4);
  });
});
