import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { parseTimestamp } from "../../../src/codec/timestamp.ts";

const cases: [text: string, ms: number | null][] = [
  ["1970-01-01T00:00:00Z", 0],
  ["2026-01-15T18:03:11.123456", Date.UTC(2026, 0, 15, 18, 3, 11, 123)],
  ["2026-01-15T18:03:11.999999999Z", Date.UTC(2026, 0, 15, 18, 3, 11, 999)],
  ["2026-01-15T18:03:11.1Z", Date.UTC(2026, 0, 15, 18, 3, 11, 100)],
  ["2026-01-15T18:03:11,25z", Date.UTC(2026, 0, 15, 18, 3, 11, 250)],
  ["2026-01-15T18:03", Date.UTC(2026, 0, 15, 18, 3)],
  ["2026-01-15 18:03:11", Date.UTC(2026, 0, 15, 18, 3, 11)],
  ["2026-01-15T18:03Z", Date.UTC(2026, 0, 15, 18, 3)],
  ["2026-01-15T20:03:11+02:00", Date.UTC(2026, 0, 15, 18, 3, 11)],
  ["2026-01-15T12:33:11-0530", Date.UTC(2026, 0, 15, 18, 3, 11)],
  ["2026-01-01T00:30:00+01:00", Date.UTC(2025, 11, 31, 23, 30)],
  ["2026-01-15T18:03:11-00:00", Date.UTC(2026, 0, 15, 18, 3, 11)],
  ["2024-02-29T00:00:00Z", Date.UTC(2024, 1, 29)],
  ["2000-02-29T00:00:00Z", Date.UTC(2000, 1, 29)],
  ["9999-12-31T23:59:59.999Z", Date.UTC(9999, 11, 31, 23, 59, 59, 999)],
  ["2023-02-29T00:00:00Z", null],
  ["2100-02-29T00:00:00Z", null],
  ["2026-02-31T00:00:00Z", null],
  ["2026-04-31T00:00:00Z", null],
  ["2026-00-10T00:00:00Z", null],
  ["2026-13-10T00:00:00Z", null],
  ["2026-01-00T00:00:00Z", null],
  ["2026-01-15T24:00:00Z", null],
  ["2026-01-15T18:60:00Z", null],
  ["2026-01-15T18:03:60Z", null],
  ["2026-01-15T18:03:11.Z", null],
  ["2026-01-15T18:03:11.1234567890Z", null],
  ["2026-01-15T18:03:1", null],
  ["2026-01-15T18:03:11+24:00", null],
  ["2026-01-15T18:03:11+01:60", null],
  ["2026-01-15T18:03:11+01", null],
  ["2026-01-15T18:03:11Z ", null],
  ["2026-01-15T18:03:11ZZ", null],
  ["2026-01-15", null],
  ["2026-1-15T18:03:11Z", null],
  ["2026/01/15T18:03:11Z", null],
  ["20260115T180311Z", null],
  ["1969-12-31T23:59:59Z", null],
  ["1970-01-01T00:30:00+01:00", null],
  ["٢٠٢٦-01-15T18:03:11Z", null],
  ["", null],
];

describe("parseTimestamp", () => {
  for (const [text, ms] of cases) {
    it(`${JSON.stringify(text)}: ${ms}`, () => assert.equal(parseTimestamp(text), ms));
  }

  it("is what the platform says about the same time written with its zone and milliseconds", () => {
    const part = fc.record({
      ms: fc.integer({ min: Date.UTC(1970, 0, 2), max: Date.UTC(9999, 11, 30) }),
      finer: fc.constantFrom("", "0", "999", "123456"),
      zone: fc.option(
        fc.record({ minutes: fc.integer({ min: 0, max: 1_439 }), sign: fc.constantFrom("+", "-") }),
        { nil: null },
      ),
      zoneColon: fc.constantFrom(":", ""),
      separator: fc.constantFrom("T", " "),
    });
    fc.assert(fc.property(part, ({ ms, finer, zone, zoneColon, separator }) => {
      const written = new Date(ms).toISOString().replace("Z", "");
      const two = (n: number) => String(n).padStart(2, "0");
      const hoursMinutes = zone === null
        ? null
        : [two(Math.floor(zone.minutes / 60)), two(zone.minutes % 60)];
      const suffix = zone === null ? "" : zone.sign + hoursMinutes!.join(zoneColon);
      const platform = Date.parse(`${written}${zone === null ? "Z" : zone.sign + hoursMinutes!.join(":")}`);
      assert.equal(parseTimestamp(written.replace("T", separator) + finer + suffix), platform);
    }));
  });

  it("takes exactly the days of the calendar", () => {
    for (const year of [1972, 1999, 2000, 2026, 2100]) {
      for (let month = 1; month <= 12; month++) {
        const days = new Date(Date.UTC(year, month, 0)).getUTCDate();
        for (let day = 1; day <= 31; day++) {
          const text = `${year}-${String(month).padStart(2, "0")}-${String(day).padStart(2, "0")}T00:00Z`;
          assert.equal(parseTimestamp(text), day <= days ? Date.UTC(year, month - 1, day) : null, text);
        }
      }
    }
  });

  it("answers any text with a time or null", () => {
    fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
      const ms = parseTimestamp(text);
      assert.ok(ms === null || Number.isInteger(ms));
    }));
  });
});
