/** What a rule says of a recording does not depend on how fast it is played. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { outcome } from "../pipeline/harness.ts";
import { endings, ridesEnding } from "../pipeline/rides_ending.ts";
import { storm } from "../pipeline/storm.ts";
import { inputOf } from "./golden.ts";

const recordings = {
  "the golden case cancellation_alert": await inputOf("cancellation_alert"),
  "a burst of 35 %": ridesEnding(endings(8, [
    { minutes: 10, cancelled: 1, of: 10 },
    { minutes: 12, cancelled: 7, of: 20 },
    { minutes: 12, cancelled: 1, of: 10 },
  ])),
  "a storm with late events and supply": storm(3),
};

for (const [name, items] of Object.entries(recordings)) {
  describe(`the alerts of ${name}`, () => {
    it("are the same at once, sixty times as fast as it happened, and as fast as it happened", async () => {
      const atOnce = (await outcome(items)).alerts;
      assert.ok(atOnce.some((alert) => alert.state === "firing"), "something fires");
      for (const speed of [60, 1]) {
        assert.deepEqual((await outcome(items, { speed })).alerts, atOnce, `speed ${speed}`);
      }
    });
  });
}
