import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { erasedSet, riderHash } from "../../../src/erased.ts";

const pseudonym = `erased-${"0".repeat(32)}`;

describe("erasedSet", () => {
  it("knows an erased rider by the id and by the pseudonym, and nobody else", () => {
    const erased = erasedSet();
    assert.equal(erased.pseudonymOf("anna"), null);
    assert.equal(erased.add({ rider: riderHash("anna"), pseudonym }), true);
    assert.equal(erased.pseudonymOf("anna"), pseudonym);
    assert.equal(erased.pseudonymOf(pseudonym), pseudonym);
    for (const other of ["Anna", "anna ", "", null, riderHash("anna").sha256]) {
      assert.equal(erased.pseudonymOf(other), null);
    }
  });

  it("keeps the first pseudonym of a rider", () => {
    const erased = erasedSet();
    erased.add({ rider: riderHash("anna"), pseudonym });
    assert.equal(erased.add({ rider: riderHash("anna"), pseudonym: `erased-${"1".repeat(32)}` }), false);
    assert.equal(erased.pseudonymOf("anna"), pseudonym);
    assert.equal(erased.riders.length, 1);
  });

  it("tells riders apart whose quick hashes are the same", () => {
    const erased = erasedSet();
    erased.add({ rider: { ...riderHash("anna"), sha256: "0".repeat(64) }, pseudonym });
    assert.equal(erased.pseudonymOf("anna"), null);
    erased.add({ rider: riderHash("anna"), pseudonym: `erased-${"1".repeat(32)}` });
    assert.equal(erased.pseudonymOf("anna"), `erased-${"1".repeat(32)}`);
  });
});

describe("riderHash", () => {
  it("is the published SHA-256 of the UTF-8 bytes", () => {
    assert.equal(riderHash("abc").sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert.match(riderHash("žluť ☂").quick, /^[0-9a-f]{16}$/);
  });
});
