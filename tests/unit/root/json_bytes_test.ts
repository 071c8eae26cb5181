import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { JsonBytes } from "../../../src/json_bytes.ts";
import { fromUtf8 } from "../../../src/ids.ts";
import { outgoing } from "../../../src/outgoing.ts";
import { isoTime } from "../../../src/time.ts";

const json = new JsonBytes();
const written = (write: () => void): string => {
  json.begin(4_096);
  write();
  return fromUtf8(json.take());
};
const everyday = fc.integer({ min: Date.UTC(1970, 0, 1), max: Date.UTC(9999, 11, 31) });

describe("JsonBytes", () => {
  it("writes texts as JSON.stringify does, whatever is in them", () => {
    const text = fc.oneof(fc.string(), fc.string({ unit: "binary" }), fc.string({ unit: "grapheme" }));
    fc.assert(fc.property(fc.option(text), (value) => {
      assert.equal(written(() => json.text(value)), JSON.stringify(value));
    }));
  });

  it("writes bytes in which nothing has to be escaped, and nothing of others", () => {
    fc.assert(fc.property(fc.string({ unit: "grapheme" }), (text) => {
      const bytes = new TextEncoder().encode(`..${text}..`);
      let plain = false;
      const json_ = written(() => plain = json.utf8(bytes, 2, bytes.length - 2));
      assert.equal(json_, plain ? JSON.stringify(text) : "");
      assert.equal(plain, JSON.stringify(text).length === text.length + 2);
    }));
  });

  it("writes whole numbers, hundredths and thousandths as JSON.stringify does", () => {
    const value = fc.oneof(fc.integer(), fc.integer({ min: -2_000, max: 2_000 }), fc.maxSafeInteger());
    fc.assert(fc.property(value, (n) => assert.equal(written(() => json.integer(n)), JSON.stringify(n))));
    fc.assert(
      fc.property(
        fc.integer({ min: -(10 ** 14), max: 10 ** 14 }),
        fc.constantFrom<2 | 3>(2, 3),
        (n, decimals) => {
          assert.equal(written(() => json.decimal(n, decimals)), JSON.stringify(n / 10 ** decimals));
        },
      ),
    );
  });

  it("writes times as isoTime does, from one day to any other", () => {
    fc.assert(fc.property(fc.array(everyday, { minLength: 1 }), (times) => {
      for (const ms of times) assert.equal(written(() => json.time(ms)), JSON.stringify(isoTime(ms)));
    }));
  });

  it("leaves what was taken before as it was, also when a block is full", () => {
    const texts = Array.from({ length: 3_000 }, (_, i) => `${i}-${"x".repeat(i % 90)}`);
    const made = texts.map((text, i) => {
      if (i % 2 === 0) return outgoing(JSON.stringify(text));
      json.begin(200);
      json.text(text);
      return json.take();
    });
    assert.deepEqual(made.map((bytes) => JSON.parse(fromUtf8(bytes))), texts);
    json.begin(200_000);
    json.text("y".repeat(100_000));
    assert.equal(json.take().length, 100_002);
    assert.equal(fromUtf8(outgoing("after")), "after");
  });
});
