/**
 * Row 28 of the faults: each route without a key, with a wrong, an ended and another list's key, over a socket and in
 * every spelling. Refused with 401 or 403, with no body read and no secret written down. That a new route cannot do
 * without a rule, tests/unit/http/auth_test.ts sees to.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { startServer } from "../../src/http/serve.ts";
import { hashedEntry } from "../../src/keys.ts";
import { createSignals } from "../../src/telemetry/signals.ts";
import { systemClock } from "../../src/time.ts";
import { openDoors } from "../unit/http/doors.ts";
import { connect } from "../unit/http/raw.ts";

const keys = {
  ingest: "ingest-key-000001",
  read: "read-key-00000001",
  admin: "admin-key-0000001",
  ended: "ended-key-0000001",
};
const config = {
  ingestKeys: [hashedEntry(keys.ingest), `${keys.ended}@2020-01-01`],
  readKeys: [hashedEntry(keys.read), `${keys.ended}@2020-01-01`],
  adminKeys: [hashedEntry(keys.admin), `${keys.ended}@2020-01-01`],
};
const grants = { ingest: [keys.ingest], read: [keys.read, keys.admin], admin: [keys.admin] };

describe("row 28: keys that do not fit", () => {
  it("open no route, in no spelling, and stand in no message", async () => {
    const said: string[] = [];
    const signals = createSignals(systemClock, "text", (line) => said.push(line));
    await using doors = await openDoors({
      config,
      running: systemClock,
      access: { every: 1, write: (line) => signals.request(line) },
    });
    const server = await startServer({ app: doors.app, host: "127.0.0.1", port: 0, clock: systemClock });
    let refused = 0;
    for (const { method, path, scope } of doors.app.routes) {
      if (scope === "open") continue;
      const fitting: string[] = grants[scope];
      const foreign = [keys.ingest, keys.read, keys.admin].filter((key) => !fitting.includes(key));
      const tries: [status: number, ...headers: string[]][] = [
        [401],
        [401, "authorization:"],
        [401, "authorization: Bearer"],
        [401, "authorization: Bearer wrong-key-00000001"],
        [401, `authorization: ${fitting[0]}`],
        [401, `authorization: Token ${fitting[0]}`],
        [401, `authorization: Bearer ${fitting[0]!.slice(0, -1)}`],
        [401, `authorization: Bearer ${fitting[0]!.toUpperCase()}`],
        [401, `authorization: Bearer ${hashedEntry(fitting[0]!)}`],
        [401, `authorization: Bearer ${fitting[0]}`, `authorization: Bearer ${fitting[0]}`],
        [401, `x-api-key: ${fitting[0]}`, `cookie: key=${fitting[0]}`],
        [401, `authorization: Bearer ${keys.ended}`],
        [401, "x-waymark-forwarded: node-b"],
        ...foreign.map((key) => [403, `authorization: Bearer ${key}`] as [number, string]),
      ];
      for (const [status, ...headers] of tries) {
        const raw = await connect(server.port);
        const target = path.replaceAll(/:\w+/g, "x") + `?key=${fitting[0]}`;
        const body = method === "GET" ? [] : ["content-length: 1000"];
        await raw.send([`${method} ${target} HTTP/1.1`, "host: h", ...headers, ...body, "", ""].join("\r\n"));
        const answer = await raw.answer();
        assert.equal(answer.status, status, `${method} ${path} with ${headers}`);
        assert.match(JSON.parse(answer.body).error.code, /^key_(missing|unknown|expired|scope)$/);
        raw.close();
        refused++;
      }
    }
    await server.stop(20_000);
    assert.ok(refused > 100);
    assert.equal(doors.twin.appended.length, 0);
    for (const key of Object.values(keys)) assert.ok(!said.join("\n").includes(key));
  });
});
