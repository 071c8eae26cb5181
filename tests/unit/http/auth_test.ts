import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { errorOf, event, openDoors } from "./doors.ts";

const config = { ingestKeys: ["ingest-key-000001", "ingest-key-2"], readKeys: ["read-key-00000001"] };
const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
const basic = (key: string) => ({ authorization: `Basic ${btoa(`anyone:${key}`)}` });

/** Written down here a second time on purpose: a new route fails until someone has thought about its rule. */
const rules: Record<string, "open" | "read" | "ingest"> = {
  "POST /v1/events": "ingest",
  "POST /v1/locations": "ingest",
  "GET /v1/rides/:id": "read",
  "GET /v1/drivers/:id": "read",
  "GET /v1/cities": "read",
  "GET /v1/cities/:city": "read",
  "GET /v1/cities/:city/windows": "read",
  "GET /v1/partitions": "read",
  "GET /v1/ledger": "read",
  "GET /v1/alerts": "read",
  "GET /v1/stream": "read",
  "GET /metrics": "read",
  "GET /": "read",
  "GET /livez": "open",
  "GET /readyz": "open",
  "GET /startupz": "open",
  "GET /assets/app.js": "open",
  "GET /assets/row.js": "open",
  "GET /assets/app.css": "open",
  "GET /assets/icon.svg": "open",
};

describe("the gate", () => {
  it("has a rule for every route the router knows", async () => {
    await using doors = await openDoors({ config });
    const registered = doors.app.hono.routes.filter((r) => r.method !== "ALL").map((r) =>
      `${r.method} ${r.path}`
    );
    assert.deepEqual([...new Set(registered)].sort(), Object.keys(rules).sort());
    for (const route of doors.app.routes) {
      assert.equal(route.scope, rules[`${route.method} ${route.path}`], `${route.method} ${route.path}`);
    }
  });

  it("answers 401 without a key and with an unknown one, 403 with one of the other scope, on every route", async () => {
    await using doors = await openDoors({ config });
    for (const [route, scope] of Object.entries(rules)) {
      const [method, pattern] = route.split(" ") as [string, string];
      const path = pattern.replace(/:\w+/, "x");
      const ask = async (headers: Record<string, string>) => {
        const response = await doors.app.hono.request(path, { method, headers });
        const text = pattern === "/v1/stream" && response.ok
          ? (await response.body?.cancel(), "")
          : await response.text();
        return { status: response.status, text, challenge: response.headers.get("www-authenticate") };
      };
      const own = scope === "ingest" ? config.ingestKeys : config.readKeys;
      const other = scope === "ingest" ? config.readKeys : config.ingestKeys;
      const without = await ask({});
      const unknown = await ask(bearer("unknown-key-00001"));
      const foreign = await ask(bearer(other[0]!));
      if (scope === "open") {
        for (const answer of [without, unknown, foreign]) assert.equal(answer.status, 200, route);
        continue;
      }
      assert.deepEqual([without.status, unknown.status, foreign.status], [401, 401, 403], route);
      assert.match(without.text, /"key_missing"/, route);
      assert.match(without.challenge ?? "", /^Bearer/, route);
      assert.match(unknown.text, /"key_unknown"/, route);
      assert.match(foreign.text, /"key_scope"/, route);
      for (const key of own) assert.ok(![401, 403].includes((await ask(bearer(key))).status), route);
    }
  });

  it("takes no key for posting from the password of HTTP Basic, but one for reading", async () => {
    await using doors = await openDoors({ config });
    assert.equal((await doors.get("/v1/cities", basic("read-key-00000001"))).status, 200);
    assert.equal((await doors.get("/v1/cities", basic("read-key-00000002"))).status, 401);
    const posted = await doors.post("/v1/events", JSON.stringify(event()), basic("ingest-key-000001"));
    assert.deepEqual(await errorOf(posted), { status: 401, code: "key_missing", field: "authorization" });
  });

  it("asks a browser for a password", async () => {
    await using doors = await openDoors({ config });
    const response = await doors.get("/", { accept: "text/html,*/*" });
    assert.equal(response.status, 401);
    assert.match(response.headers.get("www-authenticate") ?? "", /^Basic realm=/);
  });

  it("turns away what is no key at all, and keys that only begin like one", async () => {
    await using doors = await openDoors({ config });
    for (
      const authorization of [
        "",
        "Bearer",
        "Bearer ",
        "Bearer read-key-0000000",
        "Bearer read-key-000000011",
        "Bearer read-key-00000001 x",
        "Basic ????",
        "Basic " + btoa("no-colon"),
        "Digest read-key-00000001",
        `Bearer ${"k".repeat(100_000)}`,
      ]
    ) {
      assert.equal(
        (await doors.get("/v1/cities", { authorization })).status,
        401,
        authorization.slice(0, 40),
      );
    }
  });

  it("stands open for a scope without keys", async () => {
    await using doors = await openDoors({ config: { ingestKeys: ["ingest-key-000001"], readKeys: [] } });
    assert.equal((await doors.get("/v1/cities")).status, 200);
    assert.equal((await doors.post("/v1/events", JSON.stringify(event()))).status, 401);
  });

  it("judges the key before the body is looked at", async () => {
    await using doors = await openDoors({ config });
    const response = await doors.post("/v1/events", "not json at all", { "content-type": "text/plain" });
    assert.equal(response.status, 401);
    assert.equal(doors.twin.appended.length, 0);
  });
});
