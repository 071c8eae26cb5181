import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { metrics } from "../../../src/telemetry/metrics.ts";
import { openDoors } from "./doors.ts";

/** How often each route was counted so far, by its name in the metric. */
async function counts(): Promise<Map<string, number>> {
  const { values } = await metrics.requests.get();
  const byRoute = new Map<string, number>();
  for (const { labels, value } of values) {
    const name = String(labels.route);
    byRoute.set(name, (byRoute.get(name) ?? 0) + value);
  }
  return byRoute;
}

describe("the table of routes", () => {
  it("has a rule, a description and a metric for every route", async () => {
    await using doors = await openDoors();
    for (const { method, path, scope, description, metric } of doors.app.routes) {
      const route = `${method} ${path}`;
      assert.ok(["open", "read", "ingest", "admin"].includes(scope), `${route}: scope`);
      assert.match(description, /^[A-Z].{10,120}\.$/, `${route}: description`);
      assert.match(metric, /^\/[a-z0-9_.:/]*$/, `${route}: metric`);
    }
  });

  it("lets nobody change anything with a key for reading", async () => {
    await using doors = await openDoors();
    for (const { method, path, scope } of doors.app.routes) {
      if (method !== "GET") assert.ok(["ingest", "admin"].includes(scope), `${method} ${path}`);
    }
  });

  it("counts every route by its metric, and never by what a caller wrote", async () => {
    await using doors = await openDoors();
    for (const { method, path, metric } of doors.app.routes) {
      const before = (await counts()).get(metric) ?? 0;
      const response = await doors.app.hono.request(path.replaceAll(/:\w+/g, "somebody"), { method });
      await response.body?.cancel();
      assert.equal((await counts()).get(metric), before + 1, `${method} ${path}`);
    }
    await doors.get("/v1/somewhere/somebody");
    assert.ok(![...(await counts()).keys()].some((name) => name.includes("somebody")));
  });
});
