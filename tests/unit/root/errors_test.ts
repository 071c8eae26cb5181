import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type ErrorCode, errorCodes, messageOf, WaymarkError } from "../../../src/errors.ts";
import { invariant } from "../../../src/invariant.ts";

describe("errorCodes", () => {
  const codes = Object.keys(errorCodes) as ErrorCode[];

  it("exit 2 for configuration, 3 to refuse, 1 for everything that may pass", () => {
    for (const code of codes) {
      const { kind, exit } = errorCodes[code];
      assert.ok(kind === "configuration" ? exit === 2 || exit === 3 : exit === 1, code);
    }
  });

  const refused: ErrorCode[] = [
    "log_behind_snapshot",
    "log_trimmed",
    "log_replaced",
    "partition_count_changed",
  ];
  for (const code of [...refused, "fold_version_differs", "topic_mismatch"] as const) {
    it(`${code} refuses with exit 3 rather than lose or double data`, () => {
      assert.equal(new WaymarkError(code, "x").exitCode, 3);
    });
  }

  it("are lower case words joined by underscores", () => {
    for (const code of codes) assert.match(code, /^[a-z]+(_[a-z]+)*$/);
  });
});

describe("WaymarkError", () => {
  it("carries code, kind, message and cause", () => {
    const cause = new Error("disk full");
    const error = new WaymarkError("log_unavailable", "appending failed", { cause });
    assert.deepEqual([error.name, error.code, error.kind, error.exitCode, error.message, error.cause], [
      "WaymarkError",
      "log_unavailable",
      "retryable",
      1,
      "appending failed",
      cause,
    ]);
  });
});

describe("invariant", () => {
  it("lets pass what holds, without making its message", () => {
    invariant(true, () => assert.fail("not to be called"));
  });

  it("stops with invariant_broken and the message where it does not", () => {
    const broken = { code: "invariant_broken", message: "2 is not 3" };
    assert.throws(() => invariant(false, "2 is not 3"), broken);
    assert.throws(() => invariant(false, () => "2 is not 3"), broken);
  });
});

describe("messageOf", () => {
  const thrown: [value: unknown, message: string][] = [
    [new Error("a"), "a"],
    ["b", "b"],
    [null, "null"],
    [undefined, "undefined"],
    [7, "7"],
  ];
  for (const [value, message] of thrown) {
    it(`of ${String(value)} is ${message}`, () => assert.equal(messageOf(value), message));
  }
});
