import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import fc from "fast-check";
import { fromUtf8, utf8 } from "../../../src/ids.ts";
import { settle } from "../../../src/time.ts";
import { errorOf, event, location, openDoors } from "./doors.ts";

const bytes = (data: Uint8Array): Uint8Array<ArrayBuffer> => new Uint8Array(data);
const gz = (text: string) => bytes(gzipSync(utf8(text)));
const zstd = (text: string) => bytes(zstdCompressSync(utf8(text)));

describe("POST /v1/events", () => {
  it("appends one object, its own bytes, keyed by ride", async () => {
    await using doors = await openDoors();
    const body =
      `  {"ride_id" : "ride-1", "event_type":"requested",\n "timestamp":"2026-01-15T12:00:00", "x":1e400}\n`;
    const response = await doors.post("/v1/events", body);
    assert.equal(response.status, 202);
    assert.deepEqual(await response.json(), { accepted: 1, rejected: [] });
    const [record] = doors.twin.appended;
    assert.equal(record!.key, "ride-1");
    assert.equal(record!.topic, "ride-events");
    assert.equal(fromUtf8(record!.value), body.trim());
  });

  it("takes what the ride service already sends", async () => {
    await using doors = await openDoors();
    const sent =
      `{"event_type":"requested","ride_id":"ride-abc-123","timestamp":"2026-01-15T18:03:11.123456","user_id":"user-456","pickup":{"lat":48.1486,"lng":17.1077},"dropoff":{"lat":48.1586,"lng":17.1177},"estimated_fare":8.50,"city":"bratislava"}`;
    assert.equal((await doors.post("/v1/events", sent)).status, 202);
  });

  it("judges every element of an array alone", async () => {
    await using doors = await openDoors();
    const body = `[${JSON.stringify(event())}, {"ride_id":"r]2,"}, 7 ,[1,2], ${
      JSON.stringify(event({ ride_id: 'a"]},b' }))
    } , {"broken"}]`;
    const response = await doors.post("/v1/events", body);
    assert.equal(response.status, 202);
    const { accepted, rejected } = await response.json();
    assert.equal(accepted, 2);
    assert.deepEqual(
      rejected.map((r: { index: number; code: string; field: string }) => [
        r.index,
        r.code,
        r.field,
      ]),
      [
        [1, "field_missing", "event_type"],
        [2, "not_an_object", null],
        [3, "not_an_object", null],
        [5, "json_invalid", null],
      ],
    );
    assert.deepEqual(doors.twin.appended.map((a) => a.key), ["ride-1", 'a"]},b']);
  });

  it("judges every line of NDJSON alone, blank lines not counted", async () => {
    await using doors = await openDoors();
    const body = `${JSON.stringify(event())}\r\n\n   \n{"ride_id":1}\n${
      JSON.stringify(event({ ride_id: "ride-3" }))
    }`;
    const response = await doors.post("/v1/events", body, { "content-type": "application/x-ndjson" });
    const { accepted, rejected } = await response.json();
    assert.equal(response.status, 202);
    assert.equal(accepted, 2);
    assert.deepEqual(rejected.map((r: { index: number }) => r.index), [1]);
    assert.deepEqual(doors.twin.appended.map((a) => a.key), ["ride-1", "ride-3"]);
  });

  it("refuses poison item by item, and never falls over it", async () => {
    await using doors = await openDoors();
    const deep = `{"x":${"[".repeat(100_000)}${"]".repeat(100_000)}}`;
    const poison: [body: string, code: string][] = [
      [`[${"{".repeat(17)}${"}".repeat(17)}]`, "json_too_deep"],
      [deep.slice(0, 60_000), "json_too_deep"],
      [JSON.stringify({ ...event(), reason: "x".repeat(70_000) }), "record_too_large"],
      ["NaN", "json_invalid"],
      ['{"ride_id":"\\ud800","event_type":"requested","timestamp":"2026-01-15T12:00:00Z"}', "field_invalid"],
      [
        `{"ride_id":"r","event_type":"requested","timestamp":"2026-01-15T12:00:00Z","fare":1e400}`,
        "field_invalid",
      ],
      ['{"__proto__":{"ride_id":"r"}}', "field_missing"],
      [JSON.stringify(event({ timestamp: "2026-02-31T12:00:00Z" })), "field_invalid"],
    ];
    for (const [body, code] of poison) {
      const response = await doors.post("/v1/events", body);
      assert.equal(response.status, 400, body.slice(0, 40));
      const answer = await response.json();
      assert.equal(answer.error.code, "no_valid_items");
      assert.equal(answer.rejected[0].code, code, body.slice(0, 40));
    }
    assert.equal(doors.twin.appended.length, 0);
  });

  it("answers only after the log has acknowledged", async () => {
    await using doors = await openDoors();
    let acknowledge = () => {};
    doors.twin.handles.append = () => new Promise((resolve) => acknowledge = resolve);
    let status = 0;
    const answered = doors.post("/v1/events", JSON.stringify(event())).then((r) => status = r.status);
    await settle();
    await settle();
    assert.equal(status, 0);
    acknowledge();
    await answered;
    assert.equal(status, 202);
  });

  it("answers 503 with Retry-After while the log is down, silent, or the node drains", async () => {
    await using doors = await openDoors({ bounds: { appendMs: 5_000 } });
    const body = JSON.stringify(event());
    doors.twin.state.logDown = true;
    const down = await doors.post("/v1/events", body);
    assert.equal(down.headers.get("retry-after"), "2");
    assert.deepEqual(await errorOf(down), { status: 503, code: "log_unavailable" });
    doors.twin.state.logHangs = true;
    const hanging = doors.post("/v1/events", body);
    await settle();
    await settle();
    await doors.clock.advance(5_000);
    assert.deepEqual(await errorOf(await hanging), { status: 503, code: "log_unavailable" });
    doors.twin.state.health = { started: true, ready: false, draining: true, causes: [] };
    assert.deepEqual(await errorOf(await doors.post("/v1/events", body)), { status: 503, code: "draining" });
  });

  it("inflates gzip and zstd, several frames and members too", async () => {
    await using doors = await openDoors();
    const ndjson = { "content-type": "application/x-ndjson" };
    const line = (id: string) => JSON.stringify(event({ ride_id: id })) + "\n";
    const two = (a: Uint8Array, b: Uint8Array) => bytes(new Uint8Array([...a, ...b]));
    const bodies: [encoding: string, body: Uint8Array<ArrayBuffer>][] = [
      ["gzip", gz(line("a"))],
      ["GZIP", two(gz(line("b")), gz(line("c")))],
      ["zstd", zstd(line("d"))],
      ["zstd", two(zstd(line("e")), zstd(line("f")))],
      ["zstd", two(new Uint8Array([0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 9, 9]), zstd(line("g")))],
    ];
    for (const [encoding, body] of bodies) {
      const response = await doors.post("/v1/events", body, { ...ndjson, "content-encoding": encoding });
      assert.equal(response.status, 202, encoding);
    }
    assert.deepEqual(doors.twin.appended.map((a) => a.key), ["a", "b", "c", "d", "e", "f", "g"]);
  });

  it("refuses a compressed body that breaks off, wherever it does", async () => {
    await using doors = await openDoors();
    const text = Array.from({ length: 30 }, (_, i) => JSON.stringify(event({ ride_id: `ride-${i}` }))).join(
      "\n",
    );
    for (const [encoding, whole] of [["gzip", gz(text)], ["zstd", zstd(text)]] as const) {
      for (let length = 1; length < whole.length; length += 7) {
        const response = await doors.post("/v1/events", whole.slice(0, length), {
          "content-type": "application/x-ndjson",
          "content-encoding": encoding,
        });
        assert.deepEqual(await errorOf(response), {
          status: 400,
          code: "body_unreadable",
          field: "content-encoding",
        });
      }
    }
    assert.equal(doors.twin.appended.length, 0);
  });

  it("stops bombs at the cap and at the ratio", async () => {
    await using doors = await openDoors();
    const zeros = new Uint8Array(30_000_000);
    for (const [encoding, bomb] of [["gzip", gzipSync(zeros)], ["zstd", zstdCompressSync(zeros)]] as const) {
      const response = await doors.post("/v1/events", bytes(bomb), { "content-encoding": encoding });
      assert.equal(response.status, 413, encoding);
    }
    const steep = await doors.post("/v1/events", bytes(gzipSync(new Uint8Array(4_000_000))), {
      "content-encoding": "gzip",
    });
    assert.equal((await errorOf(steep)).code, "body_ratio_exceeded");
    const noise = crypto.getRandomValues(new Uint8Array(60_000));
    const incompressible = Uint8Array.from({ length: 6_000_000 }, (_, i) => noise[(i * 7919) % 60_000]! % 16);
    const large = await doors.post("/v1/events", bytes(gzipSync(incompressible)), {
      "content-encoding": "gzip",
    });
    assert.equal((await errorOf(large)).code, "body_too_large");
  });

  it("gives the bytes of all bodies back when it has answered", async () => {
    await using doors = await openDoors({ bounds: { bodiesBytesMax: 1_000 } });
    const body = JSON.stringify(event());
    for (let i = 0; i < 50; i++) assert.equal((await doors.post("/v1/events", body)).status, 202);
    const compressed = { "content-encoding": "gzip" };
    for (let i = 0; i < 50; i++) {
      assert.equal((await doors.post("/v1/events", gz("{"), compressed)).status, 400);
    }
    const both = await doors.post("/v1/events", `[${Array(20).fill(body).join()}]`);
    assert.deepEqual(await errorOf(both), { status: 503, code: "overloaded" });
    assert.equal((await doors.post("/v1/events", body)).status, 202);
  });

  it("holds what a silent log was given, and takes no more than fits, however long that lasts", async () => {
    await using doors = await openDoors({ bounds: { appendMs: 1_000, bodiesBytesMax: 10_000 } });
    const body = JSON.stringify(event({ reason: "x".repeat(200) }));
    const answers: (() => void)[] = [];
    let given = 0;
    const { append } = doors.twin.handles;
    doors.twin.handles.append = (topic, items) => {
      given += items.reduce((sum, item) => sum + item.value.length, 0);
      return new Promise((resolve) => answers.push(() => resolve(append(topic, items))));
    };
    let refused = 0;
    for (let wave = 0; wave < 20; wave++) {
      const posted = Array.from({ length: 10 }, () => doors.post("/v1/events", body));
      await settle();
      await settle();
      await doors.clock.advance(1_000);
      for (const response of await Promise.all(posted)) {
        const { code } = await errorOf(response);
        assert.equal(response.status, 503);
        assert.ok(Number(response.headers.get("retry-after")) >= 1);
        if (code === "overloaded") refused++;
        else assert.equal(code, "log_unavailable");
      }
    }
    assert.ok(given <= 10_000 && given > 10_000 - 2 * body.length, `${given} bytes were given to the log`);
    assert.equal(refused, 200 - given / body.length);
    // A body of stated length is refused before a byte of it is taken.
    let pulled = 0;
    const untouched = new ReadableStream({ pull: () => void pulled++ }, { highWaterMark: 0 });
    const stated = { "content-length": String(body.length) };
    assert.equal((await errorOf(await doors.post("/v1/events", untouched, stated))).code, "overloaded");
    assert.equal(pulled, 0);
    doors.twin.handles.append = append;
    for (const answer of answers) answer();
    await settle();
    assert.equal((await doors.post("/v1/events", body)).status, 202);
  });

  it("never answers 500, whatever the body, its type and its encoding", async () => {
    await using doors = await openDoors();
    const anything = fc.oneof(
      fc.json().map(utf8),
      fc.uint8Array({ maxLength: 300 }),
      fc.string({ unit: "binary" }).map(utf8),
      fc.array(fc.json()).map((items) => utf8(items.join("\n"))),
      fc.record({ ride_id: fc.anything(), event_type: fc.anything(), timestamp: fc.anything() })
        .map((v) => utf8(safeJson(v))),
      fc.uint8Array({ maxLength: 100 }).map((data) => new Uint8Array(zstdCompressSync(data))),
    );
    const requests = fc.record({
      path: fc.constantFrom("/v1/events", "/v1/locations"),
      body: anything,
      type: fc.constantFrom(
        "application/json",
        "application/x-ndjson",
        "application/json; charset=utf-8",
        "x",
      ),
      encoding: fc.constantFrom("", "gzip", "zstd", "br"),
    });
    await fc.assert(
      fc.asyncProperty(requests, async ({ path, body, type, encoding }) => {
        const response = await doors.post(path, bytes(body), {
          "content-type": type,
          "content-encoding": encoding,
        });
        assert.ok([202, 400, 413, 415].includes(response.status), String(response.status));
        const answer = await response.json();
        if (response.status !== 202) assert.equal(typeof answer.error.code, "string");
      }),
      { numRuns: 500 },
    );
    assert.deepEqual(doors.defects, []);
  });
});

function safeJson(value: unknown): string {
  try {
    return JSON.stringify(value, (_, v) => typeof v === "bigint" ? Number(v) : v) ?? "null";
  } catch {
    return "null";
  }
}

describe("POST /v1/locations", () => {
  it("appends positions keyed by driver, and names what is wrong with the others", async () => {
    await using doors = await openDoors();
    const response = await doors.post(
      "/v1/locations",
      JSON.stringify([location(), location({ lat: 91 }), location({ driver_id: "driver-2" })]),
    );
    assert.equal(response.status, 202);
    const { accepted, rejected } = await response.json();
    assert.equal(accepted, 2);
    assert.deepEqual([rejected[0].index, rejected[0].code, rejected[0].field], [1, "field_invalid", "lat"]);
    assert.deepEqual(doors.twin.appended.map((a) => [a.topic, a.key]), [
      ["driver-locations", "driver-1"],
      ["driver-locations", "driver-2"],
    ]);
  });
});
