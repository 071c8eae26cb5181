import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { errorOf, event, openDoors } from "./doors.ts";

const body = JSON.stringify(event());
const allowed = "https://ops.example";
const preflight = {
  "access-control-request-method": "POST",
  "access-control-request-headers": "authorization",
};

describe("pages of other hosts", () => {
  it("may read nothing by default: no answer names an origin, and a preflight is refused", async () => {
    await using doors = await openDoors();
    const read = await doors.get("/v1/cities", { origin: allowed });
    assert.equal(read.status, 200);
    assert.equal(read.headers.get("access-control-allow-origin"), null);
    assert.equal(read.headers.get("cross-origin-resource-policy"), "same-origin");
    const asked = await doors.app.hono.request("/v1/events", {
      method: "OPTIONS",
      headers: { origin: allowed, ...preflight },
    });
    assert.equal(asked.status, 405);
    assert.equal(asked.headers.get("access-control-allow-origin"), null);
  });

  it("may read and post from an allowed origin, and from no other", async () => {
    await using doors = await openDoors({ corsOrigins: [allowed] });
    for (
      const [origin, named] of [[allowed, allowed], ["https://ops.example.evil", null], [
        "null",
        null,
      ]] as const
    ) {
      const read = await doors.get("/v1/cities", { origin });
      assert.equal(read.headers.get("access-control-allow-origin"), named);
      assert.equal(read.headers.get("access-control-allow-credentials"), null);
      const asked = await doors.app.hono.request("/v1/events", {
        method: "OPTIONS",
        headers: { origin, ...preflight },
      });
      assert.equal(asked.headers.get("access-control-allow-origin"), named);
      const posted = await doors.post("/v1/events", body, { origin, "sec-fetch-site": "cross-site" });
      assert.equal(posted.status, named === null ? 403 : 202, origin);
    }
  });

  it("may not post, our own may, and programs are not asked", async () => {
    await using doors = await openDoors();
    const cases: [what: string, headers: Record<string, string>, status: number][] = [
      ["a program", {}, 202],
      ["our page", { host: "waymark.example:8080", origin: "http://waymark.example:8080" }, 202],
      ["our page behind a proxy that changes the host", {
        host: "upstream",
        origin: "https://waymark.example",
        "sec-fetch-site": "same-origin",
      }, 202],
      ["a page of another host", { host: "localhost:8080", origin: "https://evil.example" }, 403],
      ["a page of another port", { host: "localhost:8080", origin: "http://localhost:3000" }, 403],
      ["a page without an origin of its own", { host: "localhost:8080", origin: "null" }, 403],
      ["a page of a neighbour", {
        host: "localhost",
        origin: "http://localhost",
        "sec-fetch-site": "same-site",
      }, 403],
    ];
    for (const [what, headers, status] of cases) {
      const response = await doors.post("/v1/events", body, headers);
      assert.equal(response.status, status, what);
      if (status === 403) {
        assert.deepEqual(await errorOf(response), { status, code: "origin_refused", field: "origin" });
      }
    }
  });
});
