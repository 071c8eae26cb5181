import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { describe, it } from "node:test";
import { createMask, maskKeyOf } from "../../../src/http/mask.ts";
import { readConfig } from "../../../src/config.ts";
import { event, location, openDoors } from "./doors.ts";

const config = {
  ingestKeys: [],
  readKeys: ["desk=read-key-00000001"],
  adminKeys: ["care=admin-key-0000001"],
};
const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
const reader = bearer("read-key-00000001");
const admin = bearer("admin-key-0000001");

const rider = "rider-anna-1";
const hashed = `masked-${
  createHmac("sha256", "a key of the tests").update(rider).digest("hex").slice(0, 16)
}`;

async function filled() {
  const doors = await openDoors({ config });
  await doors.post(
    "/v1/events",
    JSON.stringify([
      event({ user_id: rider, driver_id: "driver-1", reason: "she lives at 5 Elm Street" }),
      event({ ride_id: "ride-2", user_id: rider, reason: "no_show", event_type: "cancelled" }),
    ]),
  );
  await doors.post("/v1/locations", JSON.stringify(location({ lat: 48.15678, lng: -17.11449 })));
  return doors;
}

describe("what readers see of people", () => {
  it("is a stable hash for a rider, and words but no prose as a reason", async () => {
    await using doors = await filled();
    const first = await (await doors.get("/v1/rides/ride-1", reader)).json();
    const second = await (await doors.get("/v1/rides/ride-2", reader)).json();
    assert.deepEqual([first.user_id, first.reason], [hashed, "masked"]);
    assert.deepEqual([second.user_id, second.reason], [hashed, "no_show"]);
    assert.deepEqual(doors.audited, []);
  });

  it("is a place to about a kilometre, and the cell of that place", async () => {
    await using doors = await filled();
    const seen = await (await doors.get("/v1/drivers/driver-1", reader)).json();
    assert.deepEqual([seen.lat, seen.lng], [48.16, -17.11]);
    assert.notEqual(seen.cell, "881e15b719fffff");
  });

  it("is masked in lists too", async () => {
    await using doors = await filled();
    for (const path of ["/v1/rides", "/v1/drivers", "/v1/rides?driver_id=driver-1"]) {
      const text = await (await doors.get(path, reader)).text();
      for (const secret of [rider, "Elm", "48.156", "17.114"]) assert.ok(!text.includes(secret), path);
    }
  });

  it("is masked without any keys, and with a key for administration only where it is shown", async () => {
    await using open = await openDoors();
    await open.post("/v1/events", JSON.stringify(event({ user_id: rider })));
    const unnamed = await (await open.get("/v1/rides/ride-1")).json();
    assert.equal(unnamed.user_id, hashed);
    await using doors = await openDoors({
      config: { ingestKeys: [], readKeys: [], adminKeys: config.adminKeys },
    });
    await doors.post("/v1/events", JSON.stringify(event({ user_id: rider })));
    assert.equal((await (await doors.get("/v1/rides/ride-1")).json()).user_id, hashed);
    assert.equal((await (await doors.get("/v1/rides/ride-1", admin)).json()).user_id, rider);
  });
});

describe("an unmasked read", () => {
  it("shows everything, and is told of without the data", async () => {
    await using doors = await filled();
    const seen = await (await doors.get("/v1/rides/ride-1", { ...admin, "x-request-id": "r-1" })).json();
    assert.deepEqual([seen.user_id, seen.reason], [rider, "she lives at 5 Elm Street"]);
    const place = await (await doors.get("/v1/drivers/driver-1", admin)).json();
    assert.deepEqual([place.lat, place.lng], [48.15678, -17.11449]);
    await doors.get("/v1/rides?driver_id=driver-1", admin);
    const mask = createMask("a key of the tests");
    assert.deepEqual(
      doors.audited.map(({ key, route, asked, rows }) => [key, route, asked, rows]),
      [
        ["care", "/v1/rides/:id", mask.user("ride-1"), 1],
        ["care", "/v1/drivers/:id", mask.user("driver-1"), 1],
        ["care", "/v1/rides", mask.user("?driver_id=driver-1"), 1],
      ],
    );
    assert.equal(doors.audited[0]?.request, "r-1");
    for (const secret of [rider, "ride-1", "driver-1", "Elm"]) {
      assert.ok(!JSON.stringify(doors.audited).includes(secret), secret);
    }
  });

  it("of nobody is not told of", async () => {
    await using doors = await filled();
    assert.equal((await doors.get("/v1/rides/ride-9", admin)).status, 404);
    assert.deepEqual(doors.audited, []);
  });
});

describe("a record as readers see it", () => {
  const { event: seen } = createMask("k");

  it("keeps what events have, masks people and leaves out what it does not know", () => {
    assert.deepEqual(
      seen({
        ...event({ user_id: 7, phone: "+43 1 234", pickup: { lat: 48.15678, lng: 17.1, name: "home" } }),
        nested: { user_id: rider },
        fare: 12.5,
        reason: "no_show",
      }),
      {
        ...event({ user_id: "masked", phone: "masked", pickup: { lat: 48.16, lng: 17.1, name: "masked" } }),
        nested: "masked",
        fare: 12.5,
        reason: "no_show",
      },
    );
    for (const other of [rider, [rider], null, 7]) assert.equal(seen(other), "masked");
  });
});

describe("the key of the hashes", () => {
  const keys = { WAYMARK_ADMIN_KEYS: "admin-key-0000001", WAYMARK_READ_KEYS: "read-key-00000001" };

  it("is the setting, else made from keys that readers do not know", () => {
    const of = (variables: Record<string, string>) => maskKeyOf(readConfig(variables));
    assert.equal(of({ WAYMARK_MASK_KEY: "a-key-that-is-set" }), "a-key-that-is-set");
    assert.equal(of(keys), of({ ...keys, WAYMARK_READ_KEYS: "read-key-00000002" }));
    assert.notEqual(of(keys), of({ ...keys, WAYMARK_ADMIN_KEYS: "admin-key-0000002" }));
  });
});
