/** Requests that are nearly right: no answer is a 500, and what was not accepted is not in the log. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { fromUtf8, utf8 } from "../../src/ids.ts";
import { type Random, randomFrom } from "../../src/traffic/random.ts";
import { type Doors, event, openDoors } from "../unit/http/doors.ts";
import { corpusOf, fuzz, mutant, oddValues, pick } from "./mutants.ts";

const events = corpusOf("ride_events.txt");
const bodies = [
  utf8(JSON.stringify(event())),
  utf8(`[${events.map(fromUtf8).join(", ")}]`),
  utf8(events.map(fromUtf8).join("\n")),
  ...corpusOf("driver_locations.txt"),
  utf8('{"user_id":"anna"}'),
  utf8('{"rule":"*","city":"wien","minutes":10,"why":"a test"}'),
];

/** Items that a body may have at most: a value is never made up. */
async function post(doors: Doors, body: Uint8Array, headers: Record<string, string>): Promise<void> {
  const before = doors.twin.appended.length;
  const response = await doors.post("/v1/events", body as Uint8Array<ArrayBuffer>, headers);
  const answer = await response.json();
  const appended = doors.twin.appended.length - before;
  assert.ok([202, 400, 413, 415].includes(response.status), `${response.status}`);
  assert.equal(appended, response.status === 202 ? answer.accepted : 0);
}

describe("bodies", () => {
  const types = ["application/json", "application/x-ndjson", "text/plain", ""];

  it("are refused, or as much of them is appended as is answered", async () => {
    await using doors = await openDoors();
    let n = 0;
    await fuzz({
      name: "bodies",
      corpus: bodies,
      mutants: 2_500,
      judge: (body) => post(doors, body, { "content-type": types[n++ % types.length]! }),
    });
    assert.deepEqual(doors.defects, []);
  });

  for (const [encoding, compress] of [["gzip", gzipSync], ["zstd", zstdCompressSync]] as const) {
    it(`that are damaged ${encoding} are refused whole, or as much is appended as is answered`, async () => {
      await using doors = await openDoors();
      const corpus = bodies.map((body) => new Uint8Array(compress(body)));
      await fuzz({
        name: encoding,
        corpus: [...corpus, new Uint8Array([...corpus[0]!, ...corpus[1]!])],
        mutants: 2_000,
        judge: (body) => post(doors, body, { "content-encoding": encoding }),
      });
      assert.deepEqual(doors.defects, []);
    });
  }
});

describe("what stands in an address and in headers", () => {
  const paths = [
    ...[
      "/v1/rides",
      "/v1/drivers",
      "/v1/rides/ride-1",
      "/v1/drivers/driver-1",
      "/v1/cities",
      "/v1/cities/wien",
    ],
    ...[
      "/v1/cities/wien/windows",
      "/v1/cities/wien/windows/2026-01-15T12:00:00Z/explain",
      "/v1/alerts",
      "/v1/ledger",
    ],
    ...[
      "/v1/partitions",
      "/v1/records/ride-events/0/0",
      "/v1/erasures",
      "/v1/silences",
      "/v1/find",
      "/",
      "/sre",
      "/rides/x",
    ],
    ...[
      "/cities/wien",
      "/openapi.json",
      "/metrics",
      "/v1/stream",
      "/%",
      "/v1//rides",
      "/v1/rides/%00",
      "/v1/rides/%ff",
    ],
  ];
  const names = [
    "cursor",
    "limit",
    "from",
    "to",
    "city",
    "state",
    "status",
    "driver_id",
    "ride_id",
    "events",
    "q",
    "at",
  ];
  const values = [
    "2026-01-15T12:00:00Z",
    "50",
    "wien",
    "requested,completed",
    "ride-1",
    "0-0",
    "window,alert",
  ];
  const headerNames = [
    "last-event-id",
    "accept",
    "x-waymark-forwarded",
    "authorization",
    "if-none-match",
    "accept-encoding",
  ];

  const odd = (random: Random) =>
    random.chance(0.5)
      ? pick(random, oddValues).slice(0, 300)
      : fromUtf8(mutant(random, values.map((value) => utf8(value)))).slice(0, 300);

  it("is refused with a code, or answered: cursors, times, positions in a stream", async () => {
    await using doors = await openDoors();
    await doors.post("/v1/events", JSON.stringify(event({ city: "wien" })));
    for (let n = 0; n < 4_000; n++) {
      const random = randomFrom(n, "addresses");
      const query = new URLSearchParams();
      for (let i = random.below(3); i > 0; i--) {
        query.append(pick(random, names), random.chance(0.3) ? pick(random, values) : odd(random));
      }
      const path = random.chance(0.8)
        ? pick(random, paths)
        : `${pick(random, paths)}/${encodeURIComponent(odd(random).toWellFormed())}`;
      const headers = new Headers();
      if (random.chance(0.5)) {
        // What a header cannot carry never comes to a door.
        const value = odd(random).replaceAll(/[^\x20-\x7e]/g, "?");
        headers.set(pick(random, headerNames), value);
      }
      const asked = `${path}?${query}`;
      const response = await doors.app.hono.request(asked, { headers });
      await response.body?.cancel();
      const isExpected = response.status < 500 || response.status === 503;
      assert.ok(isExpected, `${n}: ${asked} ${JSON.stringify([...headers])}: ${response.status}`);
    }
    assert.deepEqual(doors.defects, []);
  });
});
