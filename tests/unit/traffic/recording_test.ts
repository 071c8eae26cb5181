import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { cityTraffic } from "../../../src/traffic/city_traffic.ts";
import { trafficFormats } from "../../../src/traffic/formats.ts";
import type { SentItem } from "../../../src/traffic/item.ts";
import { writeJsonl } from "../../../src/traffic/jsonl.ts";
import { countSending, ledgerJson, newLedger } from "../../../src/traffic/ledger.ts";
import { openRecording } from "../../../src/traffic/recording.ts";
import { codeOf } from "../../conformance/eventually.ts";

let folder: string;
before(async () => folder = await mkdtemp(join(tmpdir(), "waymark-recording-")));
after(async () => await rm(folder, { recursive: true, force: true }));

const options = {
  seed: 3,
  events: 4_000,
  ratePerMinute: 60_000,
  duplicates: 0.05,
  disorder: 0.1,
  poison: 0.05,
};

async function readBack(path: string): Promise<SentItem[]> {
  const items: SentItem[] = [];
  for await (const chunk of (await trafficFormats.jsonl.open(path)).chunks) items.push(...chunk);
  return items;
}

describe("openRecording", () => {
  it("is the file that would have been written at once, plain or packed", async () => {
    const items = [...cityTraffic(options).items];
    const whole = join(folder, "whole.jsonl");
    const { items: count, bytes } = await writeJsonl(items, whole);
    for (const name of ["parts.jsonl", "parts.jsonl.gz"]) {
      const path = join(folder, name);
      const recording = openRecording(path);
      for (let at = 0; at < items.length; at += 700) await recording.add(items.slice(at, at + 700));
      assert.deepEqual(await recording.close(), { items: count, bytes });
      assert.deepEqual(await readBack(path), await readBack(whole));
      if (!name.endsWith(".gz")) assert.deepEqual(await readFile(path), await readFile(whole));
    }
  });

  it("says which file it cannot write", async () => {
    const recording = openRecording(join(folder, "nowhere", "x.jsonl"));
    assert.equal(await codeOf(() => recording.close()), "usage");
  });
});

describe("ledgerJson", () => {
  it("equals what the items themselves show", () => {
    const ledger = newLedger();
    const sendings = [...cityTraffic(options).sendings];
    for (const sending of sendings) countSending(ledger, sending);
    const json = JSON.parse(JSON.stringify(ledgerJson(ledger)));
    const events = sendings.filter((s) => s.kind === "event").map((s) => s.item);
    const rides = events.filter((i) => i.topic === "ride-events");
    const types: Record<string, number> = {};
    for (const { value } of rides) {
      const type = JSON.parse(value as string).event_type;
      types[type] = (types[type] ?? 0) + 1;
    }
    assert.ok(rides.length > 10);
    assert.deepEqual(json.event_types, types);
    assert.equal(json.distinct_rides, new Set(rides.map((i) => JSON.parse(i.value as string).ride_id)).size);
    assert.equal(
      json.distinct_drivers,
      new Set(events.filter((i) => !rides.includes(i)).map((i) => i.key)).size,
    );
    assert.equal(json.sent, 4_000);
    assert.equal(json.sent, json.events + json.duplicates + json.poison);
    assert.equal(json.topics["ride-events"].events, rides.length);
    assert.equal(json.poison, sendings.filter((s) => s.kind === "poison").length);
    assert.equal(json.first_sent_at, new Date(sendings[0]!.item.recordedAtMs!).toISOString());
    assert.equal(json.last_sent_at, new Date(sendings.at(-1)!.item.recordedAtMs!).toISOString());
  });
});
