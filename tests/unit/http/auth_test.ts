import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createGate, grants, type Scope } from "../../../src/http/auth.ts";
import { hashedEntry } from "../../../src/keys.ts";
import { errorOf, event, noonMs, openDoors } from "./doors.ts";

/** Of each list one as it is, one hashed, and one that has ended. */
const config = {
  ingestKeys: ["ingest-key-000001", hashedEntry("ingest-key-000002"), "ingest-key-000003@2026-01-15"],
  readKeys: [
    "read-key-00000001",
    `app=${hashedEntry("read-key-00000002")}`,
    "read-key-00000003@2026-01-15T12:00Z",
  ],
  adminKeys: [hashedEntry("admin-key-0000001"), "admin-key-0000003@2025-12-31"],
  fleetKeys: ["fleet-key-0000001"],
};
const live = {
  ingest: ["ingest-key-000001", "ingest-key-000002"],
  read: ["read-key-00000001", "read-key-00000002", "admin-key-0000001", "fleet-key-0000001"],
  admin: ["admin-key-0000001"],
};
const ended = ["ingest-key-000003", "read-key-00000003", "admin-key-0000003"];
const allLive = [...new Set(Object.values(live).flat())];
const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
const basic = (key: string) => ({ authorization: `Basic ${btoa(`anyone:${key}`)}` });

/** Written down here a second time on purpose: a new route fails until someone has thought about its rule. */
const rules: Record<string, Scope> = {
  "POST /v1/events": "ingest",
  "POST /v1/locations": "ingest",
  "GET /openapi.json": "open",
  "GET /docs": "open",
  "POST /v1/erasures": "admin",
  "GET /v1/erasures": "admin",
  "GET /v1/erasures/:id": "admin",
  "GET /v1/rides": "read",
  "GET /v1/drivers": "read",
  "GET /v1/cities/:city/windows/:start/explain": "read",
  "GET /v1/rides/:id": "read",
  "GET /v1/drivers/:id": "read",
  "GET /v1/cities": "read",
  "GET /v1/cities/:city": "read",
  "GET /v1/cities/:city/windows": "read",
  "GET /v1/partitions": "read",
  "GET /v1/ledger": "read",
  "GET /v1/alerts": "read",
  "GET /v1/alerts/silences": "read",
  "POST /v1/alerts/silences": "admin",
  "POST /v1/alerts/silences/:id/end": "admin",
  "POST /v1/alerts/acknowledgements": "admin",
  "GET /v1/stream": "read",
  "GET /metrics": "read",
  "GET /": "read",
  "GET /sre": "read",
  "GET /cities/:city": "read",
  "GET /rides/:id": "read",
  "GET /drivers/:id": "read",
  "GET /find": "read",
  "GET /signin": "admin",
  "GET /records/:topic/:partition/:offset": "admin",
  "GET /v1/records/:topic/:partition/:offset": "admin",
  "GET /livez": "open",
  "GET /readyz": "open",
  "GET /startupz": "open",
  "GET /assets/:release/:file": "open",
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

  it("answers 401 without a key, with an unknown and with an ended one, 403 with one of another scope, on every route", async () => {
    await using doors = await openDoors({ config });
    for (const [route, scope] of Object.entries(rules)) {
      const [method, pattern] = route.split(" ") as [string, string];
      const path = pattern.replace(":file", "live.js").replaceAll(/:\w+/g, "x");
      const ask = async (headers: Record<string, string>) => {
        const response = await doors.app.hono.request(path, { method, headers });
        const text = pattern === "/v1/stream" && response.ok
          ? (await response.body?.cancel(), "")
          : await response.text();
        return { status: response.status, text, challenge: response.headers.get("www-authenticate") };
      };
      const without = await ask({});
      const unknown = await ask(bearer("unknown-key-00001"));
      if (scope === "open") {
        for (const answer of [without, unknown]) assert.equal(answer.status, 200, route);
        continue;
      }
      assert.deepEqual([without.status, unknown.status], [401, 401], route);
      assert.match(without.text, /"key_missing"/, route);
      assert.match(without.challenge ?? "", /^Bearer/, route);
      assert.match(unknown.text, /"key_unknown"/, route);
      for (const key of ended) {
        const answer = await ask(bearer(key));
        assert.equal(answer.status, 401, route);
        assert.match(answer.text, /"key_expired"/, route);
      }
      for (const key of allLive) {
        const answer = await ask(bearer(key));
        if (live[scope].includes(key)) {
          assert.ok(![401, 403].includes(answer.status), `${route} with ${key}`);
        } else {
          assert.equal(answer.status, 403, `${route} with ${key}`);
          assert.match(answer.text, /"key_scope"/, route);
        }
      }
    }
  });

  it("takes no key for posting from the password of HTTP Basic, but one for reading", async () => {
    await using doors = await openDoors({ config });
    assert.equal((await doors.get("/v1/cities", basic("read-key-00000001"))).status, 200);
    assert.equal((await doors.get("/v1/cities", basic("read-key-00000009"))).status, 401);
    const posted = await doors.post("/v1/events", JSON.stringify(event()), basic("ingest-key-000001"));
    assert.deepEqual(await errorOf(posted), { status: 401, code: "key_missing", field: "authorization" });
  });

  it("asks a browser for a password", async () => {
    await using doors = await openDoors({ config });
    const response = await doors.get("/", { accept: "text/html,*/*" });
    assert.equal(response.status, 401);
    assert.match(response.headers.get("www-authenticate") ?? "", /^Basic realm=/);
  });

  it("takes the password for administration only where the browser says that one of our pages asks", async () => {
    await using doors = await openDoors({ config });
    const admin = basic("admin-key-0000001");
    const note = JSON.stringify({ alert_id: "none", by: "ada", why: "x" });
    const ask = async (path: string, headers: Record<string, string>) =>
      (await errorOf(await doors.post(path, note, headers))).code;
    const own = { "sec-fetch-site": "same-origin", origin: "http://localhost" };
    const path = "/v1/alerts/acknowledgements";
    assert.equal(await ask(path, { ...admin, ...own }), "alert_not_found");
    assert.equal(await ask(path, admin), "key_missing");
    for (const site of ["cross-site", "same-site", "none"]) {
      assert.equal(await ask(path, { ...admin, "sec-fetch-site": site }), "key_missing", site);
      assert.equal(
        await ask(path, { ...admin, "sec-fetch-site": site, origin: "http://evil.example" }),
        "origin_refused",
      );
    }
    assert.equal(await ask(path, { ...basic("read-key-00000001"), ...own }), "key_scope");
    assert.equal(await ask("/v1/events", { ...basic("ingest-key-000001"), ...own }), "key_missing");
  });

  it("has a browser ask for another key where the given one is not enough, and leads back", async () => {
    await using doors = await openDoors({ config });
    const page = { accept: "text/html" };
    const asked = await doors.get("/signin?to=%2Fsre", { ...page, ...basic("read-key-00000001") });
    assert.equal(asked.status, 401);
    assert.match(asked.headers.get("www-authenticate") ?? "", /^Basic /);
    const to = async (path: string) =>
      (await doors.get(`/signin?to=${encodeURIComponent(path)}`, { ...page, ...basic("admin-key-0000001") }))
        .headers.get("location");
    assert.equal(await to("/cities/wien?hours=3"), "/cities/wien?hours=3");
    for (
      const elsewhere of [
        "https://evil.example/x",
        "//evil.example",
        "/\\evil.example",
        "/.//evil.example",
        "javascript:alert(1)",
      ]
    ) assert.match(await to(elsewhere) ?? "", /^\/(?!\/)/, elsewhere);
    assert.equal(await to("https://evil.example/x"), "/");
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

  it("lets administration in with its own keys alone, as a password only where something is shown", () => {
    const gate = createGate(config, { nowMs: () => noonMs });
    const verdict = (headers: Record<string, string>) => {
      const passed = gate("admin", new Request("http://h/", { method: "POST", headers }));
      return passed.ok ? passed.key : passed.code;
    };
    const shown = (headers: Record<string, string>) => {
      const passed = gate("admin", new Request("http://h/", { headers }));
      return passed.ok ? passed.key : passed.code;
    };
    assert.equal(shown(basic("admin-key-0000001")), "admin-1");
    assert.equal(shown(basic("read-key-00000001")), "key_scope");
    assert.equal(verdict(bearer("admin-key-0000001")), "admin-1");
    assert.equal(verdict(basic("admin-key-0000001")), "key_missing");
    assert.equal(verdict({}), "key_missing");
    for (const key of allLive.filter((key) => key !== "admin-key-0000001")) {
      assert.equal(verdict(bearer(key)), "key_scope");
    }
    for (const key of ended) assert.equal(verdict(bearer(key)), "key_expired");
  });

  it("leaves administration open only where there are no keys at all", () => {
    const none = { ingestKeys: [], readKeys: [], adminKeys: [], fleetKeys: [] };
    const request = new Request("http://h/");
    const passes = (keys: typeof none) => createGate(keys, { nowMs: () => noonMs })("admin", request).ok;
    assert.ok(passes(none));
    for (const list of Object.keys(none)) {
      assert.ok(!passes({ ...none, [list]: ["some-key-00000001"] }), list);
    }
  });

  it("has a table of who may do what", () => {
    assert.deepEqual(grants, {
      ingest: ["ingest"],
      read: ["read"],
      admin: ["admin", "read"],
      fleet: ["read"],
    });
  });

  it("says whose key it was, and takes a key for what each of its lists may do", () => {
    const both = {
      ingestKeys: ["app=one-key-for-both1"],
      readKeys: ["app=one-key-for-both1", hashedEntry("another-key-00001")],
    };
    const gate = createGate(both, { nowMs: () => noonMs });
    const name = (scope: Scope, key: string) => {
      const passed = gate(scope, new Request("http://h/", { headers: bearer(key) }));
      return passed.ok ? passed.key : passed.code;
    };
    assert.equal(name("ingest", "one-key-for-both1"), "app");
    assert.equal(name("read", "one-key-for-both1"), "app");
    assert.equal(name("read", "another-key-00001"), "read-2");
    assert.equal(name("open", "another-key-00001"), null);
  });

  it("judges the key before the body is looked at", async () => {
    await using doors = await openDoors({ config });
    const response = await doors.post("/v1/events", "not json at all", { "content-type": "text/plain" });
    assert.equal(response.status, 401);
    assert.equal(doors.twin.appended.length, 0);
  });
});
