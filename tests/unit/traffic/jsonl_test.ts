import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import fc from "fast-check";
import { driverLocationWire } from "../../../schemas/driver_location.ts";
import { rideEventWire } from "../../../schemas/ride_event.ts";
import { limits } from "../../../src/limits.ts";
import { cityTraffic } from "../../../src/traffic/city_traffic.ts";
import { trafficFormats } from "../../../src/traffic/formats.ts";
import type { SentItem } from "../../../src/traffic/item.ts";
import { jsonlLine, readJsonl, writeJsonl } from "../../../src/traffic/jsonl.ts";
import { openLines, splitLines } from "../../../src/traffic/lines.ts";
import { poisonItem, poisonNames } from "../../../src/traffic/poison.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);
const text = (value: Uint8Array | string) =>
  typeof value === "string" ? value : new TextDecoder().decode(value);
const sentMs = Date.UTC(2026, 0, 15, 18, 3, 11, 301);

async function* batches<T>(...all: T[]): AsyncGenerator<T> {
  yield* all;
}

async function read(...lines: (string | Uint8Array)[]): Promise<SentItem[]> {
  const bytes = lines.map((line) => typeof line === "string" ? utf8(line) : line);
  const items: SentItem[] = [];
  for await (const batch of readJsonl(batches(bytes))) items.push(...batch);
  return items;
}

describe("jsonlLine", () => {
  const line = (value: string | Uint8Array, recordedAtMs: number | null = sentMs) =>
    text(jsonlLine({ topic: "ride-events", key: "k", value, recordedAtMs }));

  it("adds the sending time to an object as its last field", () => {
    assert.equal(line('{"ride_id":"a"}'), '{"ride_id":"a","recorded_at":"2026-01-15T18:03:11.301Z"}');
    assert.equal(line("{}"), '{"recorded_at":"2026-01-15T18:03:11.301Z"}');
    assert.equal(line(utf8('{"a":1}')), '{"a":1,"recorded_at":"2026-01-15T18:03:11.301Z"}');
    assert.equal(line('{"ride_id":"a"}', null), '{"ride_id":"a"}');
  });

  it("leaves alone what is no object", () => {
    for (const value of ["[1,2,3]", "null", '{"a":', "<ride/>", '"{"']) assert.equal(line(value), value);
  });

  it("never makes JSON of what is none", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^\{["a,:1{} \\[\]]{0,12}\}$/), (value) => {
        assert.equal(isJson(line(value)), isJson(value), value);
      }),
      { numRuns: 2_000 },
    );
  });

  it("refuses a record with a line feed", () => {
    assert.throws(() => line('{"a":1,\n"b":2}'), { code: "invariant_broken" });
  });

  function isJson(value: string): boolean {
    try {
      JSON.parse(value);
      return true;
    } catch {
      return false;
    }
  }
});

describe("readJsonl", () => {
  const ride =
    '{"event_type":"requested","ride_id":"a","timestamp":"x","recorded_at":"2026-01-15T18:03:11.301Z"}';
  const point = '{"driver_id":"d","lat":1,"lng":2,"ride_id":"a","recorded_at":"2026-01-15T18:03:12.000Z"}';

  it("takes topic, key and sending time from the object and leaves the bytes as they are", async () => {
    const items = await read(ride, point, '{"event_type":"requested","ride_id":"b"}');
    assert.deepEqual(items.map(({ topic, key, recordedAtMs }) => [topic, key, recordedAtMs]), [
      ["ride-events", "a", sentMs],
      ["driver-locations", "d", sentMs + 699],
      ["ride-events", "b", null],
    ]);
    assert.deepEqual(items.map(({ value }) => text(value)), [
      ride,
      point,
      '{"event_type":"requested","ride_id":"b"}',
    ]);
  });

  it("gives what is no object to ride-events, keyed by its line, sent when the line before it was", async () => {
    const bad = new Uint8Array([0xff, 0x00, 0x7b]);
    const items = await read('{"', ride, "[1]", "", bad);
    assert.deepEqual(items.map(({ topic, key, recordedAtMs }) => [topic, key, recordedAtMs]), [
      ["ride-events", "line-1", null],
      ["ride-events", "a", sentMs],
      ["ride-events", "line-3", sentMs],
      ["ride-events", "line-5", sentMs],
    ]);
    assert.deepEqual(items[3]!.value, bad);
  });

  it("is not led by fields that no object of ours has", async () => {
    const [item] = await read('{"__proto__":{"ride_id":"a"},"event_type":"requested"}');
    assert.equal(item!.key, "line-1");
  });
});

describe("splitLines", () => {
  it("gives the same lines however the bytes were cut", async () => {
    await fc.assert(fc.asyncProperty(
      fc.array(fc.string({ maxLength: 8 }).map((line) => line.replaceAll("\n", "")), { maxLength: 20 }),
      fc.array(fc.nat(60), { maxLength: 8 }),
      async (lines, cuts) => {
        const bytes = utf8(lines.map((line) => line + "\n").join(""));
        const borders = [
          0,
          ...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b),
          bytes.length,
        ];
        const chunks = borders.slice(1).map((to, i) => bytes.subarray(borders[i], to));
        const found: string[] = [];
        for await (const batch of splitLines(batches(...chunks))) found.push(...batch.map(text));
        assert.deepEqual(found, lines.map((line) => text(utf8(line))));
      },
    ));
  });

  it("gives a last line without line feed", async () => {
    const found: string[] = [];
    for await (const batch of splitLines(batches(utf8("a\nb")))) found.push(...batch.map(text));
    assert.deepEqual(found, ["a", "b"]);
  });
});

describe("poison", () => {
  const from = { id: "poison-1", stamp: "2026-01-15T18:03:11.123Z", recordedAtMs: sentMs };

  for (const kind of poisonNames) {
    it(`${kind} is no valid record, fits on a line, and keeps its topic in a file`, async () => {
      const item = poisonItem(kind, from);
      const line = jsonlLine(item);
      const [back] = await read(line);
      assert.equal(back!.topic, item.topic);
      assert.ok(!isValid(item), "is refused by the contract or a limit");
    });
  }

  function isValid(item: SentItem): boolean {
    let value: unknown;
    try {
      value = JSON.parse(
        typeof item.value === "string"
          ? item.value
          : new TextDecoder("utf-8", { fatal: true }).decode(item.value),
      );
    } catch {
      return false;
    }
    const raw = text(item.value);
    const tooMuch = raw.length > limits.recordBytesMax || raw.includes("[".repeat(limits.jsonDepthMax)) ||
      raw.split('":').length > limits.jsonKeysMax;
    const schema = item.topic === "ride-events" ? rideEventWire : driverLocationWire;
    const noSuchDate = raw.includes("2026-13-45");
    return !tooMuch && !noSuchDate && schema.safeParse(value).success;
  }
});

describe("a file of traffic", () => {
  let folder = "";
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "traffic-"));
  });
  after(() => rm(folder, { recursive: true }));

  for (const name of ["traffic.jsonl", "traffic.jsonl.gz"]) {
    it(`${name} gives back the items that were written, in chunks, with progress to its end`, async () => {
      const options = {
        seed: 5,
        events: 2_500,
        ratePerMinute: 3_000,
        positionsShare: 0.5,
        poison: 0.02,
        duplicates: 0.02,
      };
      const sent = [...cityTraffic(options).items];
      const path = join(folder, name);
      const written = await writeJsonl(sent, path);
      assert.equal(written.items, 2_500);
      const opened = await trafficFormats.jsonl.open(path);
      const chunks: SentItem[][] = [];
      for await (const chunk of opened.chunks) chunks.push(chunk);
      const back = chunks.flat();
      assert.deepEqual(chunks.map((chunk) => chunk.length), [1_000, 1_000, 500]);
      assert.deepEqual(back.map(({ topic }) => topic), sent.map(({ topic }) => topic));
      assert.deepEqual(back.map(({ value }) => text(value)), sent.map((item) => text(jsonlLine(item))));
      const { bytesRead, bytesTotal } = opened.progress();
      assert.equal(bytesRead, bytesTotal);
      for (const [i, item] of back.entries()) {
        if (sent[i]!.key.startsWith("poison-")) continue;
        assert.equal(item.key, sent[i]!.key);
        assert.equal(item.recordedAtMs, sent[i]!.recordedAtMs);
      }
    });
  }

  it("that cannot be read is refused with its name", async () => {
    await assert.rejects(openLines(join(folder, "missing")), {
      code: "input_unreadable",
      message: /missing/,
    });
    await assert.rejects(openLines(folder), { code: "input_unreadable" });
    const path = join(folder, "torn.jsonl.gz");
    await writeFile(path, "no gzip at all");
    const opened = await trafficFormats.jsonl.open(path);
    await assert.rejects(async () => {
      for await (const _ of opened.chunks);
    }, { code: "input_unreadable", message: /torn/ });
  });
});
