import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { contentHash, fingerprint, fromUtf8, hash64, utf8 } from "../../../src/ids.ts";
import { MinuteRiders, noRider } from "../../../src/windows/minute_riders.ts";

const bitsOf = (x: number): number => {
  let bits = 0;
  for (let rest = x >>> 0; rest !== 0; rest &= rest - 1) bits++;
  return bits;
};

describe("hash64", () => {
  it("gives 2,000,000 consecutive ids different hashes", () => {
    const riders = new MinuteRiders(0);
    for (let i = 0; i < 1_000_000; i++) {
      for (const prefix of ["user-", "ride-abc-"]) {
        const { high, low } = hash64(prefix + i);
        assert.notEqual(riders.add(0, high, low, noRider), noRider);
      }
    }
    assert.equal(riders.size, 2_000_000);
  });

  it("either half alone meets no more often than chance: 300,000 ids in 2³² give about 10 pairs", () => {
    for (const half of ["high", "low"] as const) {
      const seen = new Set<number>();
      for (let i = 0; i < 300_000; i++) seen.add(hash64(`driver-${i}`)[half]);
      assert.ok(300_000 - seen.size < 30, `${half}: ${300_000 - seen.size}`);
    }
  });

  it("changes half of its bits when one character changes by one bit", () => {
    const flips = { high: 0, low: 0 };
    const perBit = new Array<number>(64).fill(0);
    const tries = 4_000;
    for (let i = 0; i < tries; i++) {
      const text = `rider-${i * 7919}-x`;
      const at = i % text.length;
      const changed = text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ (1 << (i % 7))) +
        text.slice(at + 1);
      const [a, b] = [hash64(text), hash64(changed)];
      flips.high += bitsOf(a.high ^ b.high);
      flips.low += bitsOf(a.low ^ b.low);
      for (let bit = 0; bit < 32; bit++) {
        perBit[bit]! += ((a.high ^ b.high) >>> bit) & 1;
        perBit[32 + bit]! += ((a.low ^ b.low) >>> bit) & 1;
      }
    }
    for (const half of [flips.high, flips.low]) {
      assert.ok(Math.abs(half / tries - 16) < 0.5, `${half / tries}`);
    }
    for (const [bit, count] of perBit.entries()) {
      assert.ok(Math.abs(count / tries - 0.5) < 0.06, `bit ${bit}: ${count}`);
    }
  });

  it("of equal texts is equal, of texts that differ in length alone is not", () => {
    fc.assert(fc.property(fc.string(), (text) => {
      assert.deepEqual(hash64(text), hash64(`${text}x`.slice(0, text.length)));
      assert.notDeepEqual(hash64(text), hash64(`${text}\0`));
    }));
  });

  it("halves are unsigned 32-bit numbers", () => {
    fc.assert(fc.property(fc.string(), (text) => {
      for (const half of Object.values(hash64(text))) assert.equal(half, half >>> 0);
    }));
  });
});

describe("utf8", () => {
  it("writes any text as the platform's encoder does, long or short, and fromUtf8 reads it back", () => {
    const text = fc.oneof(fc.string({ maxLength: 200 }), fc.string({ unit: "grapheme", maxLength: 80 }));
    fc.assert(fc.property(text, (value) => {
      assert.deepEqual(utf8(value), new TextEncoder().encode(value));
      assert.equal(fromUtf8(utf8(value)), value);
    }));
  });

  it("writes a lone surrogate as the replacement character", () => {
    assert.deepEqual([...utf8("\ud800")], [0xef, 0xbf, 0xbd]);
  });
});

describe("contentHash", () => {
  it("of abc is the published SHA-256", async () => {
    assert.equal(
      await contentHash(utf8("abc")),
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    );
  });
});

describe("fingerprint", () => {
  it("is 16 hexadecimal digits, and another one when any byte changes", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1 }),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        (bytes, at, by) => {
          const changed = bytes.slice();
          changed[at % bytes.length]! ^= by;
          assert.match(fingerprint(bytes), /^[0-9a-f]{16}$/);
          assert.notEqual(fingerprint(bytes), fingerprint(changed));
        },
      ),
    );
  });
});
