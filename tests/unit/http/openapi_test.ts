/** The description of the interface: complete, true, and compatible with the one of the newest release. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import type { z } from "zod";
import { describedNow } from "../../../scripts/write-description.ts";
import { described } from "../../../src/http/described.ts";
import type { JsonSchema, OpenApi } from "../../../src/http/openapi.ts";
import { version } from "../../../src/node/version.ts";
import { announces, breaches } from "../../tidy/description_changes.ts";
import { event, location, minutesAfterNoon, openDoors } from "./doors.ts";
import { alertOf, windowOf } from "./twin.ts";

const now = describedNow();
const released = new URL("../../../schemas/openapi/", import.meta.url);

describe("the description", () => {
  it("has every route for programs, with its query parameters and nothing else", async () => {
    await using doors = await openDoors();
    const forPrograms = doors.app.routes.filter(({ path }) =>
      path.startsWith("/v1/") ||
      ["/metrics", "/livez", "/readyz", "/startupz", "/openapi.json"].includes(path)
    );
    assert.deepEqual(
      forPrograms.map(({ method, path }) => `${method} ${path}`).sort(),
      Object.keys(described).sort(),
    );
    for (const { method, path, query } of forPrograms) {
      const about = described[`${method} ${path}`]!;
      assert.deepEqual(Object.keys(about.query ?? {}), [...query ?? []], `${method} ${path}: query`);
      assert.deepEqual(
        Object.keys(about.path ?? {}),
        [...path.matchAll(/:(\w+)/g)].map(([, name]) => name),
        `${method} ${path}: path`,
      );
    }
  });

  it("calls every operation by a name of its own, and every reference leads somewhere", () => {
    const operations = Object.values(now.paths).flatMap((methods) => Object.values(methods));
    assert.equal(new Set(operations.map(({ operationId }) => operationId)).size, operations.length);
    for (const [, name] of JSON.stringify(now).matchAll(/"#\/components\/schemas\/(\w+)"/g)) {
      assert.ok(now.components.schemas[name!] !== undefined, `${name}`);
    }
  });

  it("is answered at /openapi.json without a key, and as a page without scripts of its own", async () => {
    const config = { ingestKeys: ["ingest-key-000001"], readKeys: ["read-key-00000001"] };
    await using doors = await openDoors({ config });
    assert.deepEqual(await (await doors.get("/openapi.json")).json(), JSON.parse(JSON.stringify(now)));
    const page = await doors.get("/docs", { accept: "text/html" });
    const html = await page.text();
    assert.match(page.headers.get("content-type")!, /^text\/html/);
    for (const { operationId } of Object.values(now.paths).flatMap((methods) => Object.values(methods))) {
      assert.ok(html.includes(`id="${operationId}"`), operationId);
    }
    for (const name of Object.keys(now.components.schemas)) {
      assert.ok(html.includes(`id="schema-${name}"`), name);
    }
    assert.doesNotMatch(html, /(src|href)="(https?:)?\/\/(?!127|localhost)/, "nothing from elsewhere");
    for (const [, target] of html.matchAll(/href="#([\w-]+)"/g)) {
      assert.ok(target === "main" || html.includes(`id="${target}"`), `#${target} leads somewhere`);
    }
  });

  it("holds for what the doors answer: nothing missing, nothing that is not described", async () => {
    await using doors = await openDoors();
    const ride = event({ user_id: "u", city: "wien", reason: "no_show", driver_id: "driver-1" });
    const verdict = await doors.post("/v1/events", JSON.stringify([ride, { ride_id: "" }]));
    await doors.post(
      "/v1/locations",
      JSON.stringify(location({ city: "wien", status: "available", ride_id: "r" })),
    );
    await doors.twin.publish(
      windowOf({ city: "wien", endMs: minutesAfterNoon(0) }),
      windowOf({ city: "wien", endMs: minutesAfterNoon(1), phase: 0 }),
    );
    await doors.twin.publishAlert(
      alertOf({ city: "wien", state: "firing", sinceMs: minutesAfterNoon(-9), atMs: minutesAfterNoon(-4) }),
    );
    await doors.twin.write("ride-events", ride, { source: "s" });
    const quiet = { rule: "*", city: "wien", by: "ada", why: "road works", until: "2026-01-15T13:00:00Z" };
    const silenced = await doors.post("/v1/alerts/silences", JSON.stringify(quiet));
    const { id } = await silenced.clone().json();
    const taken = { rule: "cancellation_rate_high", city: "wien", by: "ada", why: "on it" };
    const asked: Record<string, Promise<Response> | Response> = {
      "GET /v1/alerts/silences": await doors.get("/v1/alerts/silences"),
      "POST /v1/alerts/silences": silenced,
      "POST /v1/alerts/acknowledgements": doors.post("/v1/alerts/acknowledgements", JSON.stringify(taken)),
      "POST /v1/alerts/silences/:id/end": doors.post(`/v1/alerts/silences/${id}/end`, '{"by":"ada"}'),
      "POST /v1/events": verdict,
      "POST /v1/locations": doors.post("/v1/locations", JSON.stringify(location())),
      "POST /v1/erasures": doors.post("/v1/erasures", '{"user_id":"u"}'),
    };
    const concrete: Record<string, string> = {
      "GET /v1/rides/:id": "/v1/rides/ride-1",
      "GET /v1/drivers/:id": "/v1/drivers/driver-1",
      "GET /v1/cities/:city": "/v1/cities/wien",
      "GET /v1/cities/:city/windows": "/v1/cities/wien/windows",
      "GET /v1/cities/:city/windows/:start/explain":
        "/v1/cities/wien/windows/2026-01-15T11:55:00.000Z/explain",
      "GET /v1/records/:topic/:partition/:offset": "/v1/records/ride-events/0/0",
      "GET /v1/erasures/:id": "/v1/erasures/erased-0",
    };
    for (const [route, { answers }] of Object.entries(described)) {
      if (route === "GET /v1/stream") continue;
      const path = concrete[route] ?? route.replace("GET ", "");
      const response = await (asked[route] ?? doors.get(path));
      const about = answers[response.status];
      assert.ok(about !== undefined && response.ok, `${route}: ${response.status}`);
      const type = response.headers.get("content-type")!.split(";")[0];
      assert.equal(type, about.type ?? "application/json", route);
      if (about.schema === undefined) continue;
      const body = await response.json();
      const parsed = (about.schema as z.ZodType).safeParse(body);
      assert.ok(parsed.success, `${route}: ${parsed.error?.message}`);
      // Parsing leaves out what is not described.
      assert.deepEqual(body, parsed.data, route);
    }
  });
});

describe("compatibility", () => {
  it("holds with the newest release, unless the version says that something breaks", () => {
    const versions = readdirSync(released).map((name) => name.replace(/\.json$/, ""))
      .sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
    const newest = versions.at(-1)!;
    const before: OpenApi = JSON.parse(readFileSync(new URL(`${newest}.json`, released), "utf8"));
    assert.equal(before.info.version, newest);
    const found = breaches(before, JSON.parse(JSON.stringify(now)));
    assert.ok(
      found.length === 0 || announces(version, newest),
      `breaks clients of ${newest} while the version is ${version}:\n${found.join("\n")}`,
    );
  });

  const base = (): OpenApi => JSON.parse(JSON.stringify(now));
  const schemaIn = (document: OpenApi, name: string) =>
    document.components.schemas[name] as Record<string, unknown> & {
      properties: Record<string, JsonSchema>;
      required: string[];
    };
  const rides = (document: OpenApi) => document.paths["/v1/rides"]!.get!;
  const limitOf = (document: OpenApi) => rides(document).parameters.find(({ name }) => name === "limit")!;

  const breaking: Record<string, [change: (document: OpenApi) => void, says: RegExp]> = {
    "a route that is gone": [(d) => delete d.paths["/v1/ledger"], /GET \/v1\/ledger is gone/],
    "an operation with another name": [(d) => rides(d).operationId = "listRides", /is called listRides/],
    "a door that needs more": [(d) => d.paths["/livez"]!.get!["x-scope"] = "read", /needs the scope read/],
    "a parameter that is gone": [(d) => rides(d).parameters.pop(), /does not take the parameter cursor/],
    "a new parameter that must be given": [
      (d) => rides(d).parameters.push({ ...limitOf(d), name: "region", required: true }),
      /region is new and must be given/,
    ],
    "a parameter that must be given": [(d) => limitOf(d).required = true, /limit must be given/],
    "a tighter bound": [(d) => limitOf(d).schema = { ...limitOf(d).schema, maximum: 100 }, /tighter maximum/],
    "a field that must be posted": [
      (d) => schemaIn(d, "RideEvent").required.push("city"),
      /the body: city must be given/,
    ],
    "a word that is not taken any more": [
      (d) => schemaIn(d, "RideEvent").properties.event_type = { type: "string", enum: ["requested"] },
      /event_type may not be all words/,
    ],
    "a field of an answer that is gone": [
      (d) => delete schemaIn(d, "Ride").properties.user_id,
      /user_id is gone/,
    ],
    "a field of an answer that may be missing": [
      (d) => schemaIn(d, "Ride").required = schemaIn(d, "Ride").required.filter((name) => name !== "state"),
      /state may be missing/,
    ],
    "a field of an answer of another type": [
      (d) => schemaIn(d, "Ride").properties.attempts = { type: ["integer", "null"] },
      /attempts may be of types/,
    ],
    "a status of success that is gone": [
      (d) => delete d.paths["/v1/events"]!.post!.responses["202"],
      /answer 202/,
    ],
  };
  for (const [name, [change, says]] of Object.entries(breaking)) {
    it(`finds ${name}`, () => {
      const changed = base();
      change(changed);
      assert.match(breaches(base(), changed).join("\n"), says);
    });
  }

  const harmless: Record<string, (document: OpenApi) => void> = {
    "nothing at all": () => undefined,
    "a new route": (d) => d.paths["/v1/new"] = d.paths["/v1/ledger"]!,
    "a new parameter that may be left out": (d) =>
      rides(d).parameters.push({ ...limitOf(d), name: "region" }),
    "a wider bound": (d) => limitOf(d).schema = { ...limitOf(d).schema, maximum: 1_000 },
    "a new field of an answer": (d) => schemaIn(d, "Ride").properties.colour = { type: "string" },
    "a field that need not be posted any more": (d) => schemaIn(d, "RideEvent").required.pop(),
    "another description": (d) => rides(d).summary = "Other words.",
  };
  for (const [name, change] of Object.entries(harmless)) {
    it(`lets ${name} pass`, () => {
      const changed = base();
      change(changed);
      assert.deepEqual(breaches(base(), changed), []);
    });
  }

  it("takes a greater major for an announcement, and a greater minor while the major is 0", () => {
    const cases: [newer: string, older: string, says: boolean][] = [
      ["0.1.0", "0.1.0", false],
      ["0.1.1", "0.1.0", false],
      ["0.2.0", "0.1.9", true],
      ["1.0.0", "0.9.0", true],
      ["1.3.0", "1.2.0", false],
      ["2.0.0", "1.9.9", true],
    ];
    for (const [newer, older, says] of cases) {
      assert.equal(announces(newer, older), says, `${newer} after ${older}`);
    }
  });
});
