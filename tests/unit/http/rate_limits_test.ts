import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { createRateLimits, noRates, type Rates } from "../../../src/http/rate_limits.ts";
import { errorOf, event, location, openDoors } from "./doors.ts";

/** Hands that the test sets. */
function limitsAt(rates: Partial<Rates>, limitedRidesMax = 1_000) {
  const time = { ms: 0 };
  const limits = createRateLimits({ ...noRates, ...rates }, {
    clock: { monotonicMs: () => time.ms },
    bounds: { limitedRidesMax },
  });
  return { time, limits };
}

describe("rates of keys", () => {
  it("take a burst at once, then as many as the rate, and say when to come again", () => {
    const { time, limits } = limitsAt({ keyRequests: 10, keyBurstMs: 2_000 });
    const taken = () => limits.request("app") === null;
    assert.equal(Array.from({ length: 30 }, taken).filter(Boolean).length, 20);
    assert.equal(limits.request("app")?.headers?.["retry-after"], "1");
    time.ms += 99;
    assert.equal(taken(), false);
    time.ms += 1;
    assert.deepEqual([taken(), taken()], [true, false]);
    time.ms += 3_600_000;
    assert.equal(Array.from({ length: 30 }, taken).filter(Boolean).length, 20);
  });

  it("are each key's own, and one for all without a key", () => {
    const { limits } = limitsAt({ keyRequests: 1, keyBurstMs: 1_000 });
    assert.deepEqual(["a", "b", null, "a", "b", null].map((key) => limits.request(key) === null), [
      true,
      true,
      true,
      false,
      false,
      false,
    ]);
  });

  it("take a batch larger than a burst when nothing else was sent, and then make it be paid for", () => {
    const { time, limits } = limitsAt({ keyEvents: 100, keyBurstMs: 1_000 });
    assert.equal(limits.items("app", 500), null);
    assert.equal(limits.items("app", 1)?.headers?.["retry-after"], "5");
    time.ms += 4_000;
    assert.notEqual(limits.items("app", 1), null);
    time.ms += 10;
    assert.equal(limits.items("app", 1), null);
    time.ms += 1_000;
    assert.equal(limits.items("app", 500), null);
  });

  it("do not exist where the rate is 0", () => {
    const { limits } = limitsAt({});
    for (let i = 0; i < 10_000; i++) {
      assert.equal(limits.request("a") ?? limits.items("a", 10_000) ?? limits.ride("r"), 0);
    }
    assert.equal(limits.rides(), 0);
  });
});

describe("the rate of a ride", () => {
  it("is that of a bucket that is never forgotten, however the calls come", () => {
    const calls = fc.array(
      fc.record({ waitMs: fc.integer({ min: 0, max: 3_000 }), ride: fc.constantFrom("a", "b", "c") }),
      { maxLength: 200 },
    );
    fc.assert(fc.property(calls, (calls) => {
      const { time, limits } = limitsAt({ rideEvents: 2, rideBurstMs: 2_500 });
      /** Tokens of each ride, filled by 2 a second up to 5. */
      const model = new Map<string, { tokens: number; atMs: number }>();
      for (const { waitMs, ride } of calls) {
        time.ms += waitMs;
        const { tokens, atMs } = model.get(ride) ?? { tokens: 5, atMs: time.ms };
        const now = Math.min(5, tokens + (time.ms - atMs) * 2 / 1_000);
        const taken = now >= 1 - 1e-6;
        assert.equal(limits.ride(ride) === 0, taken);
        model.set(ride, { tokens: taken ? now - 1 : now, atMs: time.ms });
      }
    }));
  });

  it("says in how many milliseconds one more is taken", () => {
    const { time, limits } = limitsAt({ rideEvents: 4, rideBurstMs: 500 });
    assert.deepEqual([limits.ride("r"), limits.ride("r"), limits.ride("r")], [0, 0, 250]);
    time.ms += 100;
    assert.equal(limits.ride("r"), 150);
  });

  it("is remembered for a bounded number of rides", () => {
    const { limits } = limitsAt({ rideEvents: 1, rideBurstMs: 60_000 }, 1_000);
    let most = 0;
    for (let i = 0; i < 20_000; i++) {
      limits.ride(`ride-${i}`);
      most = Math.max(most, limits.rides());
    }
    assert.ok(most <= 1_000 && most >= 500, `${most} rides`);
  });
});

describe("the doors with rates", () => {
  const rates = { keyRequests: 3, keyEvents: 10, keyBurstMs: 1_000, rideEvents: 2, rideBurstMs: 1_000 };
  const post = (ids: string[]) => JSON.stringify(ids.map((ride_id) => event({ ride_id })));

  it("refuse a key's request before its body is looked at, whatever it asks for", async () => {
    await using doors = await openDoors({ rates });
    for (let i = 0; i < 3; i++) assert.equal((await doors.get("/v1/cities")).status, 200);
    const refused = await doors.post("/v1/events", "no json at all", { "content-type": "text/plain" });
    assert.equal(refused.headers.get("retry-after"), "1");
    assert.deepEqual(await errorOf(refused), { status: 429, code: "key_rate_exceeded" });
    assert.equal((await doors.get("/livez")).status, 200);
    await doors.clock.advance(1_000);
    assert.equal((await doors.get("/v1/cities")).status, 200);
  });

  it("take a request's items all or not at all", async () => {
    await using doors = await openDoors({ rates });
    const ids = (from: number, count: number) => Array.from({ length: count }, (_, i) => `ride-${from + i}`);
    assert.equal((await doors.post("/v1/events", post(ids(0, 8)))).status, 202);
    const refused = await doors.post("/v1/events", post(ids(8, 4)));
    assert.deepEqual(await errorOf(refused), { status: 429, code: "key_rate_exceeded" });
    assert.equal(doors.twin.appended.length, 8);
    await doors.clock.advance(200);
    assert.equal((await doors.post("/v1/events", post(ids(8, 4)))).status, 202);
    assert.equal(doors.twin.appended.length, 12);
  });

  it("reject the events of a ride that is too fast, and take those beside them", async () => {
    await using doors = await openDoors({ rates });
    const response = await doors.post("/v1/events", post(["hot", "hot", "hot", "cool"]));
    assert.equal(response.status, 202);
    const { accepted, rejected } = await response.json();
    assert.equal(accepted, 3);
    assert.deepEqual(rejected.map((r: Record<string, unknown>) => [r.index, r.code, r.field]), [
      [2, "ride_rate_exceeded", "ride_id"],
    ]);
    assert.deepEqual(doors.twin.appended.map((a) => a.key), ["hot", "hot", "cool"]);
    const alone = await doors.post("/v1/events", post(["hot"]));
    assert.equal(alone.headers.get("retry-after"), "1");
    const answer = await alone.json();
    assert.deepEqual([alone.status, answer.error.code, answer.rejected.length], [
      429,
      "ride_rate_exceeded",
      1,
    ]);
    await doors.clock.advance(500);
    assert.equal((await doors.post("/v1/events", post(["hot"]))).status, 202);
  });

  it("know no rate of drivers", async () => {
    await using doors = await openDoors({ rates });
    const same = JSON.stringify(Array.from({ length: 9 }, () => location()));
    assert.deepEqual((await (await doors.post("/v1/locations", same)).json()).rejected, []);
  });
});
