import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { DriverView, RideView } from "../../../src/http/handles.ts";
import { projectionOf, scaleBar } from "../../../src/http/charts/projection.ts";
import { type Doors, minutesAfterNoon as at, openDoors } from "./doors.ts";
import { isoTime } from "../../../src/time.ts";
import { driverView, rideView } from "./twin.ts";

const html = { accept: "text/html" };
const owner = (topic: string) => ({
  node: "node-1",
  topic,
  partition: 3,
  offset: 5,
  watermark: isoTime(at(-1)),
  as_of: isoTime(at(0)),
});
const hostile = `<img src=x onerror="alert(1)">'&`;

function addRide(doors: Doors, more: Partial<RideView> = {}): void {
  const ride = { ...rideView("r", "accepted", owner("ride-events")), ...more };
  doors.twin.state.rides.set(ride.ride_id, ride);
}

function addDriver(doors: Doors, more: Partial<DriverView> = {}): void {
  const known = { driver_id: "d", lat: 48.15123, lng: 17.11456, last_seen_at: isoTime(at(-1)) };
  const driver = { ...driverView({ ...known, owner: owner("driver-locations") }), ...more };
  doors.twin.state.drivers.set(driver.driver_id, driver);
}

const textOf = (page: string) =>
  page.replaceAll("\u202f", " ").replace(/<[^>]*>/g, "|").replace(/[|\s]*\|[|\s]*/g, "|");

describe("the page of a ride", () => {
  it("has the history with both clocks, what came late, and links to the records", async () => {
    await using doors = await openDoors();
    const seen = (event_type: string, minute: number, delayMs: number, offset: number) => ({
      event_type,
      event_time: isoTime(at(minute)),
      record_time: isoTime(at(minute) + delayMs),
      topic: "ride-events",
      partition: 3,
      offset,
    });
    addRide(doors, {
      requested_at: isoTime(at(-5)),
      accepted_at: isoTime(at(-3)),
      events: [seen("requested", -5, 200, 11), seen("accepted", -3, 40_000, 12)],
    });
    const page = await (await doors.get("/rides/r", html)).text();
    assert.match(
      textOf(page),
      /\|requested\|11:55:00.000\|–\|11:55:00.200\|after 0.2 s\|ride-events\/3\/11\|/,
    );
    assert.match(
      textOf(page),
      /\|accepted\|11:57:00.000\|2 min\|11:57:40.000\|after 40 s\|ride-events\/3\/12\|/,
    );
    assert.match(page, /href="\/records\/ride-events\/3\/12"/);
    assert.match(page, /aria-label="waiting 2 min, approach 3 min so far"/);
  });

  it("has pending timers in event time, why the last event was refused, and what was odd", async () => {
    await using doors = await openDoors();
    addRide(doors, {
      open_until: isoTime(at(2)),
      marks: ["conflict"],
      refused: {
        code: "event_time_future",
        topic: "ride-events",
        partition: 3,
        offset: 9,
        at: isoTime(at(0)),
      },
    });
    const page = textOf(await (await doors.get("/rides/r", html)).text());
    assert.match(page, /counts as an open request until\|12:02:00\|in 3 min of event time/);
    assert.match(page, /event_time_future\|: the event is further ahead of its record&#39;s time/);
    assert.match(page, /conflict\|: completed and cancelled contradict each other/);
  });

  it("says the same as JSON at the same address, and masks people on both", async () => {
    await using doors = await openDoors({ config: { ingestKeys: [], readKeys: ["read-key-0000000001"] } });
    addRide(doors, { user_id: "user-456" });
    const as = (accept: string) => ({ accept, authorization: "Bearer read-key-0000000001" });
    const answer = await (await doors.get("/rides/r", as("application/json"))).json();
    assert.equal(answer.ride_id, "r");
    assert.deepEqual(answer, await (await doors.get("/v1/rides/r", as("application/json"))).json());
    const page = await (await doors.get("/rides/r", as("text/html"))).text();
    assert.ok(page.includes(answer.user_id) && !page.includes("user-456"));
  });

  it("tells once that it was shown as it is, however long it stays open", async () => {
    const config = { ingestKeys: [], readKeys: ["read-key-0000000001"], adminKeys: ["admin-key-000000001"] };
    await using doors = await openDoors({ config });
    addRide(doors, { user_id: "user-456" });
    const stream = await doors.get("/rides/r", {
      accept: "text/event-stream",
      authorization: "Bearer admin-key-000000001",
    });
    for (let i = 0; i < 3; i++) await doors.clock.advance(1_000);
    assert.equal(doors.audited.length, 1);
    await stream.body?.cancel();
  });

  it("shows names from outside as text", async () => {
    await using doors = await openDoors();
    addRide(doors, {
      ride_id: hostile,
      city: hostile,
      driver_id: hostile,
      reason: hostile,
      state: "cancelled",
    });
    const page = await (await doors.get(`/rides/${encodeURIComponent(hostile)}`, html)).text();
    assert.ok(!page.includes("<img"));
    assert.ok(page.includes("&lt;img src=x onerror=&quot;alert(1)&quot;&gt;&#39;&amp;"));
    assert.ok(page.includes(`href="/drivers/${encodeURIComponent(hostile).replaceAll("'", "&#39;")}"`));
  });

  it("is a page in plain words when the ride is not known, or nobody can say yet", async () => {
    await using doors = await openDoors();
    const unknown = await doors.get("/rides/nobody", html);
    assert.equal(unknown.status, 404);
    assert.match(await unknown.text(), /This ride is not known/);
    doors.twin.state.notReady = true;
    const waiting = await doors.get("/rides/nobody", html);
    assert.equal(waiting.status, 503);
    assert.equal(waiting.headers.get("retry-after"), "2");
    const text = await waiting.text();
    assert.match(text, /Not ready to answer yet/);
    assert.match(text, /live\.js/, "it shows the ride as soon as it can");
  });
});

describe("the page of a driver", () => {
  const point = (i: number, lat: number, lng: number) => ({
    event_time: isoTime(at(0) + i * 10_000),
    record_time: isoTime(at(0) + i * 10_000 + 100),
    offset: i,
    lat,
    lng,
    status: "available",
  });

  it("has the positions newest first, how far each is from the one before, and the trail", async () => {
    const config = { ingestKeys: [], readKeys: [], adminKeys: ["admin-key-000000001"] };
    await using doors = await openDoors({ config });
    // A thousandth of a degree of latitude is 111.2 m: 40 km/h in ten seconds.
    addDriver(doors, { trail: [point(0, 48.15123, 17.11456), point(1, 48.15223, 17.11456)] });
    const authorization = "Bearer admin-key-000000001";
    const page = await (await doors.get("/drivers/d", { ...html, authorization })).text();
    assert.match(
      textOf(page),
      /\|12:00:10.000\|12:00:10.100\|after 0.1 s\|available\|48.15223, 17.11456\|111 m, 40 km\/h\|/,
    );
    assert.ok(page.indexOf(">12:00:10.000<") < page.indexOf(">12:00:00.000<"));
    assert.match(page, /<polyline class="way"/);
    assert.doesNotMatch(page, /rounded/);
  });

  it("measures nothing between places that were rounded for readers, and says that they were", async () => {
    await using doors = await openDoors({ config: { ingestKeys: [], readKeys: ["read-key-0000000001"] } });
    addDriver(doors, { trail: [point(0, 48.15123, 17.11456), point(1, 48.15723, 17.11456)] });
    const authorization = "Bearer read-key-0000000001";
    const page = textOf(await (await doors.get("/drivers/d", { ...html, authorization })).text());
    assert.match(page, /\|48.16, 17.11\|–\|/);
    assert.match(page, /rounded to about a kilometre/);
    assert.doesNotMatch(page, /km\/h/);
  });
});

describe("projectionOf", () => {
  it("keeps proportions: a square of the earth is a square of the drawing, north up", () => {
    const lat = 60;
    // At 60 degrees a degree of longitude is half as long.
    const { at: place, metresPerUnit } = projectionOf([{ lat, lng: 10 }, { lat: lat + 0.01, lng: 10.02 }], {
      width: 400,
      height: 400,
      margin: 20,
      leastMetres: 100,
    });
    const [a, b] = [place({ lat, lng: 10 }), place({ lat: lat + 0.01, lng: 10.02 })];
    assert.ok(Math.abs((b.x - a.x) - (a.y - b.y)) < 0.1);
    assert.ok(b.y < a.y && b.x > a.x);
    assert.ok(Math.abs((a.y - b.y) * metresPerUnit - 1_113.2) < 1);
  });

  it("has a scale of a round length", () => {
    assert.deepEqual(scaleBar(1, 120), { metres: 100, units: 100, text: "100 m" });
    assert.deepEqual(scaleBar(30, 120), { metres: 2_000, units: 2_000 / 30, text: "2 km" });
  });
});
