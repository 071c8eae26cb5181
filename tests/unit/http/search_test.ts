import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { errorOf, event, location, openDoors } from "./doors.ts";

describe("GET /v1/rides and /v1/drivers", () => {
  it("page through what fits, each once, and end", async () => {
    await using doors = await openDoors();
    const ids = Array.from({ length: 23 }, (_, n) => `ride ${n}/☂`);
    await doors.post(
      "/v1/events",
      JSON.stringify(ids.map((ride_id, n) => event({ ride_id, city: n % 2 === 0 ? "wien" : "graz" }))),
    );
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const at: string = cursor === null ? "" : `&cursor=${encodeURIComponent(cursor)}`;
      const page = await (await doors.get(`/v1/rides?city=wien&limit=5${at}`)).json();
      assert.deepEqual([page.complete, page.missing], [true, []]);
      assert.ok(page.rides.length <= 5);
      seen.push(...page.rides.map((ride: { ride_id: string }) => ride.ride_id));
      cursor = page.next;
    } while (cursor !== null);
    assert.deepEqual(seen, ids.filter((_, n) => n % 2 === 0).sort());
  });

  it("find by driver and state, and by ride and status", async () => {
    await using doors = await openDoors();
    await doors.post(
      "/v1/events",
      JSON.stringify([
        event({ ride_id: "a", driver_id: "d-1", event_type: "completed" }),
        event({ ride_id: "b", driver_id: "d-1", event_type: "started" }),
        event({ ride_id: "c", driver_id: "d-2", event_type: "started" }),
      ]),
    );
    await doors.post(
      "/v1/locations",
      JSON.stringify([location({ ride_id: "b", status: "on_trip" }), location({ driver_id: "other" })]),
    );
    const rides = async (query: string) =>
      (await (await doors.get(`/v1/rides?${query}`)).json()).rides.map((r: { ride_id: string }) => r.ride_id);
    assert.deepEqual(await rides("driver_id=d-1"), ["a", "b"]);
    assert.deepEqual(await rides("driver_id=d-1&state=completed"), ["a"]);
    assert.deepEqual(await rides("state=completed,cancelled"), ["a"]);
    const drivers = await (await doors.get("/v1/drivers?ride_id=b&status=on_trip,en_route")).json();
    assert.deepEqual(drivers.drivers.map((d: { driver_id: string }) => d.driver_id), ["driver-1"]);
  });

  it("name what they did not search", async () => {
    await using doors = await openDoors();
    doors.twin.state.notReady = true;
    const page = await (await doors.get("/v1/rides")).json();
    assert.deepEqual(page, { rides: [], next: null, complete: false, missing: ["ride-events/0"] });
  });

  it("refuse what is no filter, and too many at once", async () => {
    await using doors = await openDoors({ bounds: { searchesMax: 1 } });
    for (const query of ["state=flying", "limit=0", "limit=501", "city=", "cursor="]) {
      assert.equal((await errorOf(await doors.get(`/v1/rides?${query}`))).code, "query_invalid", query);
    }
    const both = await Promise.all([doors.get("/v1/rides"), doors.get("/v1/drivers")]);
    assert.deepEqual(both.map(({ status }) => status), [200, 503]);
  });
});
