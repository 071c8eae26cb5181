import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { WaymarkError } from "../../../src/errors.ts";
import { decide, statementsOf } from "../../../src/sinks/migrations.ts";

const file = (name: string, checksum = `sum of ${name}`) => ({ name, checksum, statements: [] });
const applied = (...names: string[]) => names.map((name) => ({ name, checksum: `sum of ${name}` }));

describe("decide", () => {
  it("what is not applied is pending, in order", () => {
    const plan = decide([file("001_a"), file("002_b"), file("003_c")], applied("001_a"));
    assert.deepEqual(plan.applied, ["001_a"]);
    assert.deepEqual(plan.pending.map((m) => m.name), ["002_b", "003_c"]);
  });

  const refusals: [string, Parameters<typeof decide>, RegExp][] = [
    ["an edited file", [[file("001_a", "other")], applied("001_a")], /001_a was edited/],
    [
      "an applied file that is gone",
      [[file("001_a")], applied("001_a", "002_b")],
      /002_b .* not part of this release/,
    ],
    [
      "a new file before an applied one",
      [[file("001_a"), file("002_b")], applied("002_b")],
      /001_a is new but numbered/,
    ],
  ];
  for (const [what, given, message] of refusals) {
    it(`${what} is refused`, () => {
      assert.throws(() => decide(...given), (thrown) => {
        assert.ok(thrown instanceof WaymarkError && thrown.code === "migration_mismatch");
        assert.match(thrown.message, message);
        return true;
      });
    });
  }
});

describe("statementsOf", () => {
  it("splits at semicolons that end a line and leaves comment lines out", () => {
    const text = "-- why;\nCREATE TABLE a (s String DEFAULT ';x');\n  -- more;\nCREATE TABLE b\n(k UInt8);\n";
    assert.deepEqual(statementsOf(text), [
      "CREATE TABLE a (s String DEFAULT ';x')",
      "CREATE TABLE b\n(k UInt8)",
    ]);
  });
});
