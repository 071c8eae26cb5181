import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CityNames } from "../../../src/codec/city_names.ts";
import { utf8 } from "../../../src/ids.ts";
import { limits } from "../../../src/limits.ts";

describe("CityNames", () => {
  it("find every name, few or more than there are places for, and again when others came in between", () => {
    for (const count of [3, 3_000, 70_000]) {
      const names = new CityNames();
      for (let turn = 0; turn < 2; turn++) {
        for (let n = 0; n < count; n++) {
          const bytes = utf8(`<Città ${n}>`);
          assert.equal(names.find(bytes, 1, bytes.length - 1), `Città ${n}`);
        }
      }
    }
  });

  it("are null for what is empty, too long, or no UTF-8", () => {
    const names = new CityNames();
    const most = utf8("x".repeat(limits.cityCharsMax));
    assert.equal(names.find(most, 0, most.length), "x".repeat(limits.cityCharsMax));
    assert.equal(names.find(utf8("x".repeat(limits.cityCharsMax + 1)), 0, limits.cityCharsMax + 1), null);
    assert.equal(names.find(most, 4, 4), null);
    assert.equal(names.find(new Uint8Array([0x78, 0xff]), 0, 2), null);
  });
});
