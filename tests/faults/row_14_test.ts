/** Row 14: poison becomes a dead letter with its bytes untouched, the reason and the source; the partition moves on. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fromUtf8, utf8 } from "../../src/ids.ts";
import { poisonItem, poisonNames } from "../../src/traffic/poison.ts";
import { ledgerView } from "../../src/node/views.ts";
import { isoTime, secondMs } from "../../src/time.ts";
import type { TrafficTopic } from "../../src/traffic/item.ts";
import { leftBy } from "../pipeline/harness.ts";
import { live, startMs } from "./live.ts";

const good = (id: string) => ({
  ...{ event_type: "requested", ride_id: id, timestamp: isoTime(startMs), city: "wien" },
});
const stamp = isoTime(startMs);
const deep = (levels: number) => "[".repeat(levels) + "]".repeat(levels);

/** What the reasons must be, worked out from the contract's rules; the generated kinds come on top. */
const cases: [name: string, topic: TrafficTopic, value: string | Uint8Array, reason: string][] = [
  ["no JSON", "ride-events", "{", "json_invalid"],
  ["thirty thousand levels", "ride-events", `{"a":${"[".repeat(30_000)}`, "json_too_deep"],
  ["a million levels", "ride-events", `{"a":${"[".repeat(1_000_000)}`, "record_too_large"],
  [
    "seventeen levels",
    "ride-events",
    `{"event_type":"requested","ride_id":"r","timestamp":"${stamp}","x":${deep(17)}}`,
    "json_too_deep",
  ],
  ["ten megabytes", "ride-events", `{"reason":"${"x".repeat(10_000_000)}"}`, "record_too_large"],
  ["nothing", "ride-events", "", "value_missing"],
  [
    "a wrong type",
    "ride-events",
    `{"event_type":"requested","ride_id":5,"timestamp":"${stamp}"}`,
    "field_invalid",
  ],
  [
    "a prototype",
    "ride-events",
    `{"__proto__":{"ride_id":"r","timestamp":"${stamp}"},"event_type":"requested"}`,
    "field_missing",
  ],
  [
    "1e400",
    "ride-events",
    `{"event_type":"requested","ride_id":"r","timestamp":"${stamp}","estimated_fare":1e400}`,
    "field_invalid",
  ],
  [
    "NaN",
    "ride-events",
    `{"event_type":"requested","ride_id":"r","timestamp":"${stamp}","estimated_fare":NaN}`,
    "json_invalid",
  ],
  [
    "a lone surrogate",
    "ride-events",
    `{"event_type":"requested","ride_id":"\\ud800","timestamp":"${stamp}"}`,
    "field_invalid",
  ],
  ["bytes that are no text", "ride-events", new Uint8Array([0x7b, 0xff, 0xfe, 0x7d]), "not_utf8"],
  ["null", "driver-locations", "null", "not_an_object"],
  [
    "off the globe",
    "driver-locations",
    `{"driver_id":"d","timestamp":"${stamp}","lat":90.1,"lng":0}`,
    "field_invalid",
  ],
  [
    "a day ahead",
    "ride-events",
    JSON.stringify({ ...good("r"), timestamp: isoTime(startMs + 86_400_000) }),
    "event_time_future",
  ],
];

describe("row 14: poison", () => {
  it("is published byte for byte with reason and source, and costs nobody else anything", async () => {
    const world = await live();
    try {
      const sent: { topic: TrafficTopic; bytes: Uint8Array; reason: string | null; offset: number }[] = [];
      const offsets = { "ride-events": 0, "driver-locations": 0 };
      const send = async (topic: TrafficTopic, value: string | Uint8Array, reason: string | null) => {
        const bytes = typeof value === "string" ? utf8(value) : value;
        sent.push({ topic, bytes, reason, offset: offsets[topic]++ });
        await world.send(topic, 4, bytes);
      };
      for (const [, topic, value, reason] of cases) await send(topic, value, reason);
      for (const [n, name] of poisonNames.entries()) {
        const from = { id: `poison-${n}`, stamp, recordedAtMs: startMs };
        const { topic, value } = poisonItem(name, from);
        await send(topic, value, null);
      }
      await world.send("ride-events", 4, good("ride-1"));
      await world.pass(6 * secondMs, secondMs);
      const { dead } = await leftBy(world.pipeline, world.log);
      assert.equal(dead.length, sent.length);
      for (const { topic, bytes, reason, offset } of sent) {
        const letter = dead.find((d) => d.source === `${topic}/4/${offset}`)!;
        assert.deepEqual(letter.value, bytes);
        if (reason !== null) assert.equal(letter.reason, reason, fromUtf8(bytes).slice(0, 80));
        assert.ok(
          letter.headers.message !== "" && letter.headers.source_timestamp?.startsWith("2026-01-15T18:00"),
        );
      }
      const ledger = ledgerView(world.pipeline);
      assert.ok(ledger.balanced);
      assert.equal(ledger.total["ride-events"]!.counted, 1);
      assert.deepEqual(world.stopped, []);
    } finally {
      await world.stop();
    }
  });
});
