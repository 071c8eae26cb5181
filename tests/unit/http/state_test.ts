import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { builtInRules } from "../../../src/alerts/built_in.ts";
import { floorEndedRides, watchMinutes } from "../../../src/http/city_row.ts";
import { isoTime } from "../../../src/time.ts";
import { errorOf, event, location, minutesAfterNoon, noonMs, openDoors } from "./doors.ts";
import { alertOf, partitionView, windowOf } from "./twin.ts";

const at = minutesAfterNoon;

describe("GET /v1/rides/{id} and /v1/drivers/{id}", () => {
  it("answer what was posted, ids with any characters included", async () => {
    await using doors = await openDoors();
    for (const id of ["ride-1", "a/b?c#d %", "žluť ☂", "__proto__", "constructor"]) {
      await doors.post("/v1/events", JSON.stringify(event({ ride_id: id })));
      const response = await doors.get(`/v1/rides/${encodeURIComponent(id)}`);
      assert.equal(response.status, 200, id);
      assert.equal((await response.json()).ride_id, id);
    }
    await doors.post("/v1/locations", JSON.stringify(location()));
    const driver = await (await doors.get("/v1/drivers/driver-1")).json();
    assert.deepEqual([driver.lat, driver.owner.topic], [48.15, "driver-locations"]);
  });

  it("name the owner and its position when it does not know the id, or is not ready", async () => {
    await using doors = await openDoors();
    await doors.post("/v1/events", JSON.stringify(event()));
    const missing = await doors.get("/v1/rides/ride-2");
    assert.equal(missing.status, 404);
    assert.deepEqual((await missing.json()).owner, {
      node: "node-1",
      topic: "ride-events",
      partition: 0,
      offset: 1,
      watermark: null,
      as_of: isoTime(noonMs),
    });
    doors.twin.state.notReady = true;
    const notReady = await doors.get("/v1/drivers/driver-1");
    assert.equal(notReady.headers.get("retry-after"), "2");
    const body = await notReady.json();
    assert.deepEqual([body.error.code, body.owner], [
      "partition_not_ready",
      { topic: "driver-locations", partition: 0 },
    ]);
  });
});

describe("GET /v1/cities", () => {
  it("uses the alert rule's own floor and duration", () => {
    const rule = builtInRules.find(({ name }) => name === "cancellation_rate_high")!;
    assert.deepEqual(rule.wire.floor, { field: "ended_rides", min: floorEndedRides });
    assert.equal(watchMinutes, rule.forBoundaries);
  });

  it("lists cities worst first, with the state each is in", async () => {
    await using doors = await openDoors();
    await doors.clock.advance(30_000);
    doors.twin.state.watermarks = { rides: isoTime(noonMs), all: isoTime(noonMs), held_by: null };
    const cities = ["calm", "calmer", "few", "firing", "silent", "watched"];
    for (const city of cities) {
      const rides = city === "few"
        ? [15, 2, 1, 1] as const
        : city === "calm"
        ? [80, 10, 5, 5] as const
        : [95, 3, 1, 1] as const;
      const lastMinute = city === "silent" ? -9 : 0;
      for (let minute = lastMinute - 7; minute <= lastMinute; minute++) {
        await doors.twin.publish(windowOf({ city, endMs: at(minute), rides }));
      }
    }
    await doors.twin.publishAlert(
      alertOf({ city: "firing", state: "pending", sinceMs: at(-30), atMs: at(-30) }),
      alertOf({ city: "firing", state: "firing", sinceMs: at(-30), atMs: at(-25) }),
      alertOf({ city: "watched", state: "pending", sinceMs: at(-3), atMs: at(-3) }),
      alertOf({ city: "calm", state: "firing", sinceMs: at(-50), atMs: at(-45) }),
      alertOf({ city: "calm", state: "resolved", sinceMs: at(-50), atMs: at(-40) }),
    );
    const { cities: rows } = await (await doors.get("/v1/cities")).json();
    assert.deepEqual(
      rows.map((r: Record<string, unknown>) => [r.city, r.state, r.since, r.watched_minutes]),
      [
        ["firing", "firing", isoTime(at(-30)), null],
        ["watched", "watching", isoTime(at(-3)), 3],
        ["silent", "no_data", isoTime(at(-9)), null],
        ["calm", "ok", null, null],
        ["calmer", "ok", null, null],
        ["few", "too_few", null, null],
      ],
    );
  });

  it("calls a city silent whose last version is five minutes old in the log", async () => {
    await using doors = await openDoors();
    await doors.twin.publish(
      windowOf({ city: "a", endMs: at(0) }),
      windowOf({ city: "a", endMs: at(5), phase: 0 }),
    );
    const state = async () => (await (await doors.get("/v1/cities/a")).json()).state;
    await doors.clock.advance(5 * 60_000);
    assert.equal(await state(), "ok");
    await doors.clock.advance(1);
    assert.equal(await state(), "no_data");
  });

  it("tells supply as of the newest window that knows it, and requests of the last hour", async () => {
    await using doors = await openDoors();
    await doors.twin.publish(
      windowOf({ city: "a", endMs: at(-2), requests: 7 }),
      windowOf({ city: "a", endMs: at(0), requests: 9, available_drivers: 31 }),
      windowOf({ city: "a", endMs: at(1), requests: 8, phase: 1 }),
      windowOf({ city: "a", endMs: at(2), requests: 5, phase: 0 }),
    );
    await doors.clock.advance(60_000);
    const city = await (await doors.get("/v1/cities/a")).json();
    assert.equal(city.supply.as_of, isoTime(at(0)));
    assert.equal(city.supply.available_drivers, 31);
    assert.equal(city.requests_last_hour.from, isoTime(at(-58)));
    assert.deepEqual(city.requests_last_hour.values, [...Array(56).fill(null), 7, 0, 9, 8]);
    assert.deepEqual([city.live.window_end, city.closed.window_end], [isoTime(at(2)), isoTime(at(1))]);
  });

  it("adds the city's own alerts", async () => {
    await using doors = await openDoors();
    await doors.twin.publish(windowOf({ city: "a", endMs: at(0) }));
    await doors.twin.publishAlert(
      alertOf({ city: "a", state: "pending", sinceMs: at(-1), atMs: at(-1) }),
      alertOf({ city: "b", state: "pending", sinceMs: at(-1), atMs: at(-1) }),
    );
    const city = await (await doors.get("/v1/cities/a")).json();
    assert.deepEqual(city.alerts.map((a: { city: string }) => a.city), ["a"]);
  });
});

describe("GET /v1/cities/{city}/windows", () => {
  const windowsAt = async (response: Response) => {
    const { windows, complete_from } = await response.json();
    return {
      ends: windows.map((w: { window_end: string }) => (Date.parse(w.window_end) - noonMs) / 60_000),
      complete_from,
    };
  };

  it("lays memory over history by rev", async () => {
    await using doors = await openDoors();
    const { twin } = doors;
    twin.state.history = [
      windowOf({ city: "a", endMs: at(-2), positions: 5 }),
      windowOf({ city: "a", endMs: at(-1), positions: 5, requests: 50 }),
      windowOf({ city: "a", endMs: at(0), positions: 5, requests: 60 }),
    ];
    twin.board.completeFromMs = () => at(-1);
    await twin.publish(
      windowOf({ city: "a", endMs: at(-1), positions: 9, requests: 51 }),
      windowOf({ city: "a", endMs: at(0), positions: 4, requests: 59 }),
      windowOf({ city: "a", endMs: at(1), positions: 1 }),
    );
    const { windows, complete_from } = await (await doors.get("/v1/cities/a/windows")).json();
    assert.deepEqual(
      windows.map((w: { window_end: string; requests: number }) => [w.window_end, w.requests]),
      [[isoTime(at(-2)), 120], [isoTime(at(-1)), 51], [isoTime(at(0)), 60], [isoTime(at(1)), 120]],
    );
    assert.equal(complete_from, null);
  });

  it("says from when it is complete while ClickHouse cannot be asked or lags", async () => {
    await using doors = await openDoors();
    const { twin } = doors;
    twin.board.completeFromMs = () => at(0);
    await twin.publish(windowOf({ city: "a", endMs: at(0) }), windowOf({ city: "a", endMs: at(1) }));
    const get = async (query: string) => await windowsAt(await doors.get(`/v1/cities/a/windows${query}`));
    twin.state.history = null;
    assert.deepEqual(await get(""), { ends: [0, 1], complete_from: isoTime(at(0)) });
    assert.deepEqual(await get("?limit=2"), { ends: [0, 1], complete_from: null });
    assert.deepEqual(await get(`?from=${isoTime(at(0))}`), { ends: [], complete_from: null });
    twin.state.history = [windowOf({ city: "a", endMs: at(-1) })];
    twin.state.sink = { ...twin.state.sink, state: "behind" };
    assert.deepEqual(await get(""), { ends: [-1, 0, 1], complete_from: isoTime(at(0)) });
    twin.state.history = null;
    assert.equal((await doors.get("/v1/cities/unknown/windows")).status, 200);
  });

  it("keeps to from (inclusive), to (exclusive) and limit (the latest)", async () => {
    await using doors = await openDoors();
    for (let minute = 0; minute < 8; minute++) {
      await doors.twin.publish(windowOf({ city: "a b", endMs: at(5 + minute) }));
    }
    const get = async (query: string) =>
      (await windowsAt(await doors.get(`/v1/cities/a%20b/windows${query}`))).ends;
    assert.deepEqual(await get(`?from=2026-01-15T12:02&to=2026-01-15T13:05:00%2B01:00`), [7, 8, 9]);
    assert.deepEqual(await get("?limit=2"), [11, 12]);
  });

  it("answers malformed queries with 400 naming the parameter", async () => {
    await using doors = await openDoors();
    await doors.twin.publish(windowOf({ city: "a", endMs: at(0) }));
    const cases: [query: string, field: string][] = [
      ["limit=0", "limit"],
      ["limit=-1", "limit"],
      ["limit=1e3", "limit"],
      ["limit=1441", "limit"],
      ["limit=", "limit"],
      ["limit=5&limit=6", "limit"],
      ["from=yesterday", "from"],
      ["from=2026-02-30T00:00:00Z", "from"],
      ["to=2026-01-15T18:00:00+01:00", "to"],
      ["to=NaN", "to"],
      ["from=2026-01-15T12:00:00Z&to=2026-01-15T12:00:00Z", "from"],
      ["form=2026-01-15T12:00:00Z", "form"],
      ["__proto__=1", "__proto__"],
    ];
    for (const [query, field] of cases) {
      const answer = await errorOf(await doors.get(`/v1/cities/a/windows?${query}`));
      assert.deepEqual(answer, { status: 400, code: "query_invalid", field }, query);
    }
    assert.equal((await doors.get(`/v1/cities/${"x".repeat(65)}/windows`)).status, 400);
    assert.equal((await doors.get("/v1/stream?events=weather")).status, 400);
  });

  it("never answers 500, whatever stands in the URL", async () => {
    await using doors = await openDoors();
    await doors.twin.publish(windowOf({ city: "a", endMs: at(0) }));
    const word = fc.string({ unit: "binary", maxLength: 40 }).map((text) => {
      try {
        return encodeURIComponent(text);
      } catch {
        return "%ff%d8";
      }
    });
    const raw = fc.stringMatching(/^[\x21-\x7e]{0,40}$/);
    const piece = fc.oneof(word, raw, fc.constantFrom("from", "to", "limit", "%", "%E0%A4%A", "a"));
    const path = fc.constantFrom(
      "rides/",
      "drivers/",
      "cities/",
      "cities/a/windows?",
      "partitions?",
      "alerts?",
    );
    await fc.assert(
      fc.asyncProperty(path, piece, piece, async (start, one, two) => {
        const response = await doors.get(`/v1/${start}${one}=${two}`);
        assert.ok([200, 400, 404].includes(response.status), `${start}${one}=${two}: ${response.status}`);
        await response.body?.cancel();
      }),
      { numRuns: 500 },
    );
    assert.deepEqual(doors.defects, []);
  });
});

describe("the other doors that read", () => {
  it("list partitions worst first, the ledger, and alerts by whether they are open", async () => {
    await using doors = await openDoors();
    doors.twin.state.partitions = [
      partitionView("ride-events", 0),
      partitionView("ride-events", 1, { lag_seconds: 9, lag_records: 40 }),
      partitionView("ride-events", 2, { state: "stopped" }),
      partitionView("ride-events", 3, { lag_seconds: 9, lag_records: 50 }),
    ];
    const { partitions } = await (await doors.get("/v1/partitions")).json();
    assert.deepEqual(partitions.map((p: { partition: number }) => p.partition), [2, 3, 1, 0]);
    await doors.post("/v1/events", JSON.stringify([event(), event({ ride_id: "ride-2" })]));
    const ledger = await (await doors.get("/v1/ledger")).json();
    assert.deepEqual([ledger.total["ride-events"].read, ledger.balanced], [2, true]);
    await doors.twin.publishAlert(
      alertOf({ city: "a", state: "resolved", sinceMs: at(-9), atMs: at(-2) }),
      alertOf({ city: "b", state: "firing", sinceMs: at(-9), atMs: at(-3) }),
    );
    const alerts = await (await doors.get("/v1/alerts")).json();
    assert.deepEqual([alerts.open[0].city, alerts.recent[0].city], ["b", "a"]);
  });

  it("tell health by cause", async () => {
    await using doors = await openDoors();
    const ask = async (path: string) => {
      const response = await doors.get(path);
      return [response.status, (await response.json()).causes ?? null];
    };
    assert.deepEqual(await ask("/readyz"), [200, null]);
    doors.twin.state.health = {
      started: false,
      ready: false,
      draining: false,
      causes: ["ride-events/3 is restoring"],
    };
    assert.deepEqual(await ask("/livez"), [200, null]);
    assert.deepEqual(await ask("/readyz"), [503, ["ride-events/3 is restoring"]]);
    assert.deepEqual(await ask("/startupz"), [503, ["ride-events/3 is restoring"]]);
    doors.twin.state.health = { started: true, ready: true, draining: true, causes: [] };
    assert.deepEqual(await ask("/readyz"), [503, ["draining"]]);
    assert.deepEqual(await ask("/startupz"), [200, null]);
  });

  it("fill gauges when scraped, and drop those of partitions that have left", async () => {
    await using doors = await openDoors();
    doors.twin.state.partitions = [
      partitionView("ride-events", 0, { lag_records: 12, watermark: isoTime(noonMs) }),
      partitionView("ride-events", 1),
    ];
    const first = await (await doors.get("/metrics")).text();
    assert.match(first, /waymark_partition_lag_records\{topic="ride-events",partition="0"\} 12/);
    assert.match(
      first,
      new RegExp(
        `waymark_partition_watermark_seconds\\{topic="ride-events",partition="0"\\} ${noonMs / 1_000}`,
      ),
    );
    doors.twin.state.partitions.pop();
    const second = await (await doors.get("/metrics")).text();
    assert.doesNotMatch(second, /waymark_partition_lag_records\{topic="ride-events",partition="1"\}/);
    assert.match(second, /waymark_http_requests_total\{route="\/metrics",status="200"\}/);
  });
});
