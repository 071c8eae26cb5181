import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { driverLocationWire } from "../../../schemas/driver_location.ts";
import { rideEventWire } from "../../../schemas/ride_event.ts";
import { boroughOf } from "../../../src/traffic/boroughs.ts";
import { fareCents, moneyText } from "../../../src/traffic/fare.ts";
import { trafficFormats } from "../../../src/traffic/formats.ts";
import type { SentItem } from "../../../src/traffic/item.ts";
import { nycTaxiItems } from "../../../src/traffic/nyc_taxi_2013.ts";
import { sfCabItems } from "../../../src/traffic/sf_cabs_2008.ts";
import { waitHorizonMs } from "../../../src/traffic/waits.ts";

async function* batches(...all: string[][]): AsyncGenerator<string[]> {
  yield* all;
}

async function collect(chunks: AsyncIterable<SentItem[]>): Promise<SentItem[]> {
  const items: SentItem[] = [];
  for await (const chunk of chunks) items.push(...chunk);
  return items;
}

const fields = (item: SentItem) => JSON.parse(item.value as string) as Record<string, unknown>;
const inOrder = (items: SentItem[]) =>
  items.every((item, i) => i === 0 || items[i - 1]!.recordedAtMs! <= item.recordedAtMs!);

describe("nyc-taxi-2013", () => {
  const rows = [
    "6,START,2013-01-01 10:00:00,1970-01-01 00:00:00,-73.99221,40.725124,-73.991646,40.735124,6,2013000006,2013000007",
    "8,START,2013-01-01 10:00:00,1970-01-01 00:00:00,0,0,0,0,1,2013000008,2013000008",
    "6,END,2013-01-01 10:10:00,2013-01-01 10:00:00,-73.99221,40.725124,-73.991646,40.735124,6,2013000006,2013000007",
  ];
  const items = () => collect(nycTaxiItems(batches(rows.slice(0, 1), rows.slice(1), []), { seed: 1 }));

  it("gives starts and ends as recorded, with a request and an acceptance before each start", async () => {
    const found = await items();
    assert.ok(inOrder(found));
    const ofRide = (id: string) => found.filter((item) => item.key === id).map(fields);
    const [requested, accepted, started, completed] = ofRide("nyc-6");
    assert.deepEqual(started, {
      event_type: "started",
      ride_id: "nyc-6",
      timestamp: "2013-01-01T10:00:00.000Z",
      event_id: "nyc-6-started",
      driver_id: "2013000007",
      city: "manhattan",
    });
    assert.equal(completed!.timestamp, "2013-01-01T10:10:00.000Z");
    // 1.113 km straight, 1.447 km by street: 2.50 + 2.24 + 10 × 0.20.
    assert.equal(completed!.fare, 6.74);
    assert.equal(requested!.estimated_fare, 5.61);
    assert.deepEqual(requested!.pickup, { lat: 40.725124, lng: -73.99221 });
    assert.equal(accepted!.driver_id, "2013000007");
    assert.match(requested!.user_id as string, /^rider-\d+$/);
    const firstMs = Date.parse(requested!.timestamp as string);
    assert.ok(firstMs >= Date.UTC(2013, 0, 1, 10) - waitHorizonMs);
    assert.ok(firstMs < Date.parse(accepted!.timestamp as string));
  });

  it("calls a zero coordinate unknown, without places or estimate, and leaves a ride without END open", async () => {
    const open = (await items()).filter((item) => item.key === "nyc-8").map(fields);
    assert.deepEqual(open.map((event) => event.event_type), ["requested", "accepted", "started"]);
    assert.deepEqual(new Set(open.map((event) => event.city)), new Set(["unknown"]));
    assert.equal(open[0]!.pickup, undefined);
    assert.equal(open[0]!.estimated_fare, undefined);
  });

  it("is the same for the same seed, whatever rows stand around a ride", async () => {
    assert.deepEqual(await items(), await items());
    const alone = await collect(nycTaxiItems(batches([rows[0]!, rows[2]!]), { seed: 1 }));
    assert.deepEqual((await items()).filter((item) => item.key === "nyc-6"), alone);
    assert.notDeepEqual(await collect(nycTaxiItems(batches([rows[0]!]), { seed: 2 })), alone.slice(0, 3));
  });

  it("refuses a row that it cannot read, naming the line", async () => {
    const broken = nycTaxiItems(batches([rows[0]!, "6,MIDDLE,x"]), { seed: 1 });
    await assert.rejects(collect(broken), { code: "input_unreadable", message: /line 2 .*MIDDLE/ });
  });

  it("knows the boroughs of well-known places", () => {
    const places: [string, number, number][] = [
      ["manhattan", 40.758, -73.9855],
      ["brooklyn", 40.6782, -73.9442],
      ["queens", 40.6413, -73.7781],
      ["bronx", 40.8296, -73.9262],
      ["staten-island", 40.5795, -74.1502],
      ["newark", 40.6895, -74.1745],
      ["outside", 41.5, -73.9],
    ];
    for (const [city, lat, lng] of places) assert.equal(boroughOf({ lat, lng }), city);
    assert.equal(boroughOf(null), "unknown");
  });
});

describe("sf-cabs-2008", () => {
  const gps = [
    "unix_ts,cab_id,lat,lng,occupied",
    "1211033530,cab,37.75153,-122.39447,0",
    "1211033614,cab,37.75149,-122.39447,1",
    "1211120014,cab,37.76,-122.4,0",
  ];
  const rides = [
    "ride_id,cab_id,pickup_ts,pickup_lat,pickup_lng,dropoff_ts,dropoff_lat,dropoff_lng,gps_points,gps_km",
    "sf-1,cab,1211120000,37.74977,-122.39724,1211120600,37.75552,-122.41438,5,2",
  ];

  it("gives points as in the file, status from the occupied flag", async () => {
    const items = await collect(sfCabItems(batches(gps), { seed: 1, fold: false, rides: null }));
    assert.deepEqual(
      items.map(fields),
      [
        ["2008-05-17T14:12:10.000Z", 37.75153, -122.39447, "available"],
        ["2008-05-17T14:13:34.000Z", 37.75149, -122.39447, "on_trip"],
        ["2008-05-18T14:13:34.000Z", 37.76, -122.4, "available"],
      ].map(([timestamp, lat, lng, status]) => ({
        driver_id: "cab",
        timestamp,
        lat,
        lng,
        city: "san-francisco",
        status,
      })),
    );
  });

  it("folds every cab-day onto the first day as a driver of its own, with its rides", async () => {
    const items = await collect(sfCabItems(batches(gps), { seed: 1, fold: true, rides: batches(rides) }));
    assert.ok(inOrder(items));
    const points = items.filter((item) => item.topic === "driver-locations");
    assert.deepEqual(points.map((item) => [item.key, fields(item).timestamp]), [
      ["cab-2008-05-17", "2008-05-17T14:12:10.000Z"],
      ["cab-2008-05-17", "2008-05-17T14:13:34.000Z"],
      ["cab-2008-05-18", "2008-05-17T14:13:34.000Z"],
    ]);
    const events = items.filter((item) => item.topic === "ride-events").map(fields);
    assert.deepEqual(events.map((event) => event.event_type), [
      "requested",
      "accepted",
      "started",
      "completed",
    ]);
    assert.equal(events[3]!.driver_id, "cab-2008-05-18");
    assert.equal(events[2]!.timestamp, "2008-05-17T14:13:20.000Z");
    assert.equal(events[3]!.timestamp, "2008-05-17T14:23:20.000Z");
    // 2 km by street and 10 minutes: 2.50 + 3.10 + 2.00.
    assert.equal(events[3]!.fare, 7.6);
  });

  it("refuses another header and a row that it cannot read", async () => {
    const options = { seed: 1, fold: false, rides: null };
    await assert.rejects(collect(sfCabItems(batches(["a,b"]), options)), {
      code: "input_unreadable",
      message: /header/,
    });
    await assert.rejects(collect(sfCabItems(batches([gps[0]!, "x,cab,1,2,0"]), options)), {
      message: /line 2/,
    });
  });
});

describe("fares", () => {
  it("are 2.50, 1.55 a kilometre by street and 0.20 a minute, written with two decimals", () => {
    assert.equal(fareCents({ streetKm: 10, minutes: 30 }), 250 + 1_550 + 600);
    assert.deepEqual([0, 5, 850, 100_000_000].map(moneyText), ["0.00", "0.05", "8.50", "1000000.00"]);
  });
});

describe("the recorded files", () => {
  const folder = join("..", "shared", "data");
  const nyc = join(folder, "dev-rides-nyc-2013.csv.gz");
  const gps = join(folder, "dev-gps-sf-cabspotting-2008-2cabs.csv.gz");

  it("give what their descriptions promise (passed over, with a line that says so, where they are absent)", async () => {
    if (!existsSync(nyc) || !existsSync(gps)) {
      console.log(`Recorded files are absent from ${folder}: nothing was checked against them.`);
      return;
    }
    const taxis = await collect((await trafficFormats["nyc-taxi-2013"].open(nyc)).chunks);
    assert.equal(taxis.length, 3 * 53_550 + 46_450);
    assert.ok(inOrder(taxis));
    taxis.forEach((item, i) => i % 50 === 0 && rideEventWire.parse(fields(item)));
    const cabs = await collect((await trafficFormats["sf-cabs-2008"].open(gps)).chunks);
    assert.equal(cabs.length, 44_736 + 4 * 1_834);
    assert.ok(inOrder(cabs));
    const points = cabs.filter((item) => item.topic === "driver-locations");
    points.forEach((item, i) => i % 50 === 0 && driverLocationWire.parse(fields(item)));
    assert.equal(new Set(points.map((item) => item.key)).size, 48);
  });
});
