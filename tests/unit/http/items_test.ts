import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { bodyTypeOf, itemsOf } from "../../../src/http/items.ts";
import { fromUtf8, utf8 } from "../../../src/ids.ts";

const cut = (text: string, type: "json" | "ndjson" = "json", max = 10) => {
  const items = itemsOf(utf8(text), type, max);
  return items.ok ? items.items.map(fromUtf8) : items.code;
};

describe("itemsOf", () => {
  it("cuts any array exactly where JSON.parse would", () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue(), { minLength: 1, maxLength: 20 }), fc.nat(4), (values, indent) => {
        const items = itemsOf(utf8(JSON.stringify(values, null, indent)), "json", 20);
        assert.ok(items.ok);
        // Through text and back on both sides: -0 is written as 0.
        assert.deepEqual(
          items.items.map((item) => JSON.parse(fromUtf8(item))),
          JSON.parse(JSON.stringify(values)),
        );
      }),
    );
  });

  it("cuts lines", () => {
    assert.deepEqual(cut('{"a":1}\n{"b":2}\r\n\n \t\n{"c":3}', "ndjson"), ['{"a":1}', '{"b":2}', '{"c":3}']);
  });

  it("refuses what is no whole array, and more items than allowed", () => {
    const cases: [text: string, wanted: unknown][] = [
      ["", "body_empty"],
      [" \n\t ", "body_empty"],
      ["[]", "body_empty"],
      ["[ ]", "body_empty"],
      ["[1", "body_not_json"],
      ['["', "body_not_json"],
      ['["\\', "body_not_json"],
      ["[1}", "body_not_json"],
      ["[1] 2", "body_not_json"],
      ["[,]", ["", ""]],
      ["[1,]", ["1", ""]],
      ["[1,2,3,4,5,6,7,8,9,10]", ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10"]],
      ["[1,2,3,4,5,6,7,8,9,10,11]", "body_items_exceeded"],
      ["[1,2,3,4,5,6,7,8,9,10,11,12]", "body_items_exceeded"],
    ];
    for (const [text, wanted] of cases) assert.deepEqual(cut(text), wanted, text);
    assert.deepEqual(cut("1\n".repeat(10), "ndjson"), Array(10).fill("1"));
    assert.equal(cut("1\n".repeat(11), "ndjson"), "body_items_exceeded");
  });

  it("takes a body of blank lines in one pass", () => {
    const lines = "\n".repeat(5_000_000) + "1";
    assert.deepEqual(cut(lines, "ndjson"), ["1"]);
  });
});

describe("bodyTypeOf", () => {
  it("knows JSON and NDJSON in UTF-8, nothing else", () => {
    const cases: [header: string | null, type: string | null][] = [
      ["application/json", "json"],
      ["Application/JSON; Charset=UTF-8", "json"],
      ['application/json; charset="utf-8"', "json"],
      ["application/x-ndjson", "ndjson"],
      ["application/ndjson", "ndjson"],
      ["application/json; charset=latin1", null],
      ["text/plain", null],
      ["", null],
      [null, null],
    ];
    for (const [header, type] of cases) assert.equal(bodyTypeOf(header), type, String(header));
  });
});
