import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { outgoing } from "../../../src/outgoing.ts";

describe("outgoing", () => {
  it("is the UTF-8 of each text, and stays so when others follow", () => {
    const text = fc.oneof(
      fc.string({ unit: "binary", maxLength: 200 }),
      fc.string({ maxLength: 70 }),
      fc.nat(9_000).map((length) => "é".repeat(length)),
      fc.constant(""),
    );
    fc.assert(fc.property(fc.array(text, { maxLength: 60 }), (texts) => {
      const all = texts.map(outgoing);
      assert.deepEqual(all, texts.map((text) => new TextEncoder().encode(text)));
    }));
  });
});
