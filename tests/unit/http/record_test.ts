import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createMask } from "../../../src/http/mask.ts";
import { errorOf, openDoors } from "./doors.ts";

const html = { accept: "text/html" };

describe("GET /v1/records/{topic}/{partition}/{offset}", () => {
  const adminKeys = ["admin-key-000000001"];
  const admin = { authorization: `Bearer ${adminKeys[0]}` };

  it("gives a record as the log holds it, with a key for administration", async () => {
    await using doors = await openDoors({ config: { ingestKeys: [], readKeys: [], adminKeys } });
    await doors.twin.write("ride-events", `{"a":1,"a":2}`, { x: "y" });
    assert.deepEqual(await (await doors.get("/v1/records/ride-events/0/0", admin)).json(), {
      topic: "ride-events",
      partition: 0,
      offset: 0,
      at: "2026-01-15T12:00:00.000Z",
      key: null,
      headers: { x: "y" },
      bytes: 13,
      value: `{"a":1,"a":2}`,
    });
  });

  it("gives it masked where there are no keys at all", async () => {
    await using doors = await openDoors();
    const value = { ride_id: "ride-1", user_id: "anna", note: "call me", pickup: { lat: 48.15678, lng: 17 } };
    await doors.twin.write("dead-letters", JSON.stringify(value), {
      reason: "r",
      message: "user_id is anna",
    });
    await doors.twin.write("dead-letters", "anna, broken");
    const [first, second] = await Promise.all(
      [0, 1].map(async (offset) => await (await doors.get(`/v1/records/dead-letters/0/${offset}`)).json()),
    );
    assert.deepEqual(first.headers, { reason: "r" });
    const { user_id, ...rest } = JSON.parse(first.value);
    assert.match(user_id, /^masked-[0-9a-f]{16}$/);
    assert.deepEqual(rest, { ride_id: "ride-1", note: "masked", pickup: { lat: 48.16, lng: 17 } });
    assert.equal(second.value, '"masked"');
    assert.deepEqual(doors.audited, []);
  });

  it("takes the topic by its name in the contract or in the log", async () => {
    await using doors = await openDoors();
    await doors.twin.write("city-partials-g1", "{}");
    for (const name of ["city-partials", "city-partials-g1"]) {
      assert.equal((await (await doors.get(`/v1/records/${name}/0/0`)).json()).topic, "city-partials-g1");
    }
  });

  it("says what there is when there is no such record", async () => {
    await using doors = await openDoors();
    await doors.twin.write("ride-events", "{}");
    const cases: [path: string, status: number, said: RegExp][] = [
      ["ride-events/0/1", 404, /ride-events\/0 holds offsets 0 to 0; wanted: offset 1/],
      ["alerts/0/0", 404, /alerts\/0 is empty/],
      ["ride-events/99/0", 404, /no partition 99/],
      ["secrets/0/0", 404, /there is no topic secrets/],
      ["ride-events/-1/0", 400, /partition is "-1"/],
      ["ride-events/0/1e3", 400, /offset is "1e3"/],
    ];
    for (const [path, status, said] of cases) {
      const response = await doors.get(`/v1/records/${path}`);
      assert.equal(response.status, status, path);
      assert.match((await response.json()).error.message, said);
    }
  });

  it("needs an admin key, in a browser as a password", async () => {
    const config = { ingestKeys: [], readKeys: ["read-key-0000000001"], adminKeys: ["admin-key-000000001"] };
    await using doors = await openDoors({ config });
    const path = "/records/ride-events/0/0";
    const basic = (key: string) => ({ ...html, authorization: `Basic ${btoa(`me:${key}`)}` });
    const asked = await doors.get(path, html);
    assert.equal(asked.status, 401);
    assert.match(asked.headers.get("www-authenticate")!, /^Basic realm="[^"]*admin key/);
    const reader = await doors.get(path, basic(config.readKeys[0]!));
    assert.equal(reader.status, 401, "a reader's browser asks for another key");
    assert.match(reader.headers.get("www-authenticate")!, /^Basic /);
    assert.equal((await doors.get(path, basic(config.adminKeys[0]!))).status, 404);
    assert.deepEqual(doors.audited, [], "nothing was shown");
    await doors.twin.write("ride-events", "{}");
    const page = await doors.get(path, basic(config.adminKeys[0]!));
    assert.doesNotMatch(await page.text(), /live\.js/, "a record never changes");
    const told = doors.audited.map(({ key, route, asked }) => [key, route, asked]);
    assert.deepEqual(told, [[
      "admin-1",
      "/v1/records",
      createMask("a key of the tests").user("ride-events/0/0"),
    ]]);
    assert.equal((await errorOf(await doors.get(`/v1${path}`))).code, "key_missing");
  });
});

describe("the page of a record", () => {
  it("shows its value indented only where that says the same, and always as text", async () => {
    const config = { ingestKeys: [], readKeys: [], adminKeys: ["admin-key-000000001"] };
    const asAdmin = { ...html, authorization: `Basic ${btoa("me:admin-key-000000001")}` };
    await using doors = await openDoors({ config });
    await doors.twin.write("ride-events", { city: "<script>alert(1)</script>" });
    await doors.twin.write("ride-events", `{"a":1,"a":1e400}`);
    const first = await (await doors.get("/records/ride-events/0/0", asAdmin)).text();
    assert.match(first, /\{\n {2}&quot;city&quot;: &quot;&lt;script&gt;/);
    assert.doesNotMatch(first, /<script>alert/);
    const second = await (await doors.get("/records/ride-events/0/1", asAdmin)).text();
    assert.match(second, /\{&quot;a&quot;:1,&quot;a&quot;:1e400\}/);
  });

  it("leads from a dead letter to the record it is a copy of", async () => {
    await using doors = await openDoors();
    const source = { source_topic: "ride-events", source_partition: "4", source_offset: "17" };
    await doors.twin.write("dead-letters", "{", source);
    const page = await (await doors.get("/records/dead-letters/0/0", html)).text();
    assert.match(page, /href="\/records\/ride-events\/4\/17"/);
  });

  it("says in plain words that there is none", async () => {
    await using doors = await openDoors();
    const page = await doors.get("/records/ride-events/0/5", html);
    assert.equal(page.status, 404);
    assert.match(await page.text(), /There is no such record/);
  });
});

describe("GET /find", () => {
  it("leads to the page of what is called so", async () => {
    await using doors = await openDoors();
    await doors.post(
      "/v1/locations",
      JSON.stringify({ driver_id: "d 1", timestamp: "2026-01-15T12:00:00Z", lat: 1, lng: 2 }),
    );
    const leads: [q: string, to: string][] = [["d 1", "/drivers/d%201"], [" r/1 ", "/rides/r%2F1"]];
    for (const [q, to] of leads) {
      const response = await doors.get(`/find?q=${encodeURIComponent(q)}`);
      assert.equal(response.status, 303);
      assert.equal(response.headers.get("location"), to);
    }
    assert.equal((await doors.get("/find?q=")).status, 400);
  });
});
