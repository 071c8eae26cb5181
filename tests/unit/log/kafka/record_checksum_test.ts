import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { utf8 } from "../../../../src/ids.ts";
import { crc32c } from "../../../../src/log/kafka/record_checksum.ts";
import { kafkajsCrc32c } from "./batch_bytes.ts";

describe("crc32c", () => {
  it("is what RFC 3720, appendix B.4, and the usual check value say", () => {
    assert.equal(crc32c(utf8("123456789")), 0xe3069283);
    assert.equal(crc32c(new Uint8Array(32)), 0x8a9136aa);
    assert.equal(crc32c(new Uint8Array(32).fill(255)), 0x62a8ab43);
    assert.equal(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i)), 0x46dd794e);
    assert.equal(crc32c(new Uint8Array(0)), 0);
  });

  it("is that of the bytes one by one, whatever their number", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 70 }), (bytes) => {
      assert.equal(crc32c(bytes), kafkajsCrc32c(bytes) >>> 0);
    }));
  });
});
