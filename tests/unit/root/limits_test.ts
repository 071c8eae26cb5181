import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { settings } from "../../../src/config.ts";
import { limits } from "../../../src/limits.ts";
import { cityName, id, money } from "../../../schemas/fields.ts";
import { rideEventWire } from "../../../schemas/ride_event.ts";

describe("limits", () => {
  it("are finite positive whole numbers", () => {
    for (const [name, value] of Object.entries(limits)) assert.ok(Number.isInteger(value) && value > 0, name);
  });

  it("hold their relations: what is passed on fits where it goes", () => {
    assert.ok(limits.outboxRecordsMax <= limits.appendRecordsMax);
    assert.ok(limits.bodyBytesMax >= limits.recordBytesMax);
    assert.ok(limits.drainMs < 30_000);
    assert.ok(limits.rideMsMax >= settings.WAYMARK_LATENESS_MS.fallback);
    assert.ok(settings.WAYMARK_ENDED_RIDE_MS.fallback > settings.WAYMARK_LATENESS_MS.fallback);
  });

  it("a cent sum of as many fares as an installation sees in a day stays exact", () => {
    assert.ok(limits.fareCentsMax * 72_000_000 < Number.MAX_SAFE_INTEGER);
  });

  it("are those the schemas check", () => {
    assert.equal(id.safeParse("x".repeat(limits.idCharsMax)).success, true);
    assert.equal(id.safeParse("x".repeat(limits.idCharsMax + 1)).success, false);
    assert.equal(cityName.safeParse("x".repeat(limits.cityCharsMax)).success, true);
    assert.equal(cityName.safeParse("x".repeat(limits.cityCharsMax + 1)).success, false);
    assert.equal(money.safeParse(limits.fareCentsMax / 100).success, true);
    assert.equal(money.safeParse((limits.fareCentsMax + 1) / 100).success, false);
    const event = { event_type: "cancelled", ride_id: "r", timestamp: "2026-01-15T18:00:00Z" };
    const reason = (length: number) =>
      rideEventWire.safeParse({ ...event, reason: "x".repeat(length) }).success;
    assert.deepEqual([reason(limits.reasonCharsMax), reason(limits.reasonCharsMax + 1)], [true, false]);
  });
});
