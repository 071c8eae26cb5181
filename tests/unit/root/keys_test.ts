import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { hashedEntry, keyRing, parseKeyEntry, sendableKey } from "../../../src/keys.ts";

/** printf abcdefghijklmnop | sha256sum */
const hashOfAToP = "f39dac6cbaba535e2c207cd0cd8f154974223c848f727f98b3564cea569b41cf";

describe("parseKeyEntry", () => {
  const taken: [text: string, name: string | null, plain: string | null, endsMs: number | null][] = [
    ["abcdefghijklmnop", null, "abcdefghijklmnop", null],
    ["fleet-app=abcdefghijklmnop", "fleet-app", "abcdefghijklmnop", null],
    [`sha256:${hashOfAToP}`, null, null, null],
    [`a.b_c=sha256:${hashOfAToP}@2027-01-31`, "a.b_c", null, Date.UTC(2027, 0, 31)],
    ["abcdefghijklmnop@2027-01-31T18:30Z", null, "abcdefghijklmnop", Date.UTC(2027, 0, 31, 18, 30)],
    ["abcdefghijklmnop@2027-01-31T18:30:05Z", null, "abcdefghijklmnop", Date.UTC(2027, 0, 31, 18, 30, 5)],
  ];
  for (const [text, name, plain, endsMs] of taken) {
    it(`takes ${text.slice(0, 40)}`, () => {
      const entry = parseKeyEntry(text);
      assert.deepEqual([entry?.name, entry?.plain, entry?.endsMs], [name, plain, endsMs]);
      assert.equal([...entry!.digest].map((b) => b.toString(16).padStart(2, "0")).join(""), hashOfAToP);
    });
  }

  for (
    const text of [
      "",
      "abcdefghijklmno",
      "x".repeat(129),
      "abcdefghijklmnop@",
      "abcdefghijklmnop@2027-02-29",
      "abcdefghijklmnop@2027-01-31T18:30",
      "abcdefghijklmnop@2027-01-31T25:00Z",
      "Name=abcdefghijklmnop",
      "=abcdefghijklmnop",
      `${"n".repeat(33)}=abcdefghijklmnop`,
      `sha256:${hashOfAToP.slice(1)}`,
      `SHA256:${hashOfAToP}`,
      `sha256:${hashOfAToP.toUpperCase()}`,
      `md5:${hashOfAToP}`,
    ]
  ) it(`refuses ${text.slice(0, 40) || "nothing"}`, () => assert.equal(parseKeyEntry(text), null));
});

describe("keyRing", () => {
  const noonMs = Date.UTC(2026, 0, 15, 12);
  const ring = keyRing({
    ingest: ["abcdefghijklmnop", `app=${hashedEntry("key-of-the-app-01")}@2026-01-15T12:00Z`],
    read: [hashedEntry("abcdefghijklmnop"), "app=key-of-the-app-02"],
  });
  const found = (key: string, nowMs: number) => {
    const one = ring.find(key, nowMs);
    return one === null ? null : [one.name, ...one.lists];
  };

  it("finds a key by itself and by its hash, on every list it is on", () => {
    assert.deepEqual(found("abcdefghijklmnop", noonMs), ["ingest-1", "ingest", "read"]);
    assert.deepEqual(found("key-of-the-app-02", noonMs), ["app", "read"]);
  });

  it("finds nothing for anything else, the hash itself among it", () => {
    for (
      const key of ["", "abcdefghijklmno", "abcdefghijklmnopq", hashedEntry("abcdefghijklmnop"), hashOfAToP]
    ) {
      assert.equal(found(key, noonMs), null, key);
    }
  });

  it("knows a key that has ended, from the moment of its end, on no list", () => {
    assert.deepEqual(found("key-of-the-app-01", noonMs - 1), ["app", "ingest"]);
    assert.deepEqual(found("key-of-the-app-01", noonMs), ["app"]);
  });

  it("counts keys by list", () => assert.deepEqual([ring.count("ingest"), ring.count("read")], [2, 2]));
});

describe("sendableKey", () => {
  it("is the first that is not hashed and does not end", () => {
    const hash = hashedEntry("abcdefghijklmnop");
    assert.equal(
      sendableKey([hash, "key-that-ends-001@2030-01-01", "app=key-that-stays-01"]),
      "key-that-stays-01",
    );
    assert.equal(sendableKey([hash]), null);
    assert.equal(sendableKey([]), null);
  });
});
