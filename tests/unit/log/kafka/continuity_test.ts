import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { utf8 } from "../../../../src/ids.ts";
import { continuityFrom, vouchedMsMax } from "../../../../src/log/kafka/continuity.ts";
import type { LogRecord } from "../../../../src/log/port.ts";

const record = (offset: number, text = `record ${offset}`, timestampMs = 1_000 + offset): LogRecord => ({
  offset,
  timestampMs,
  key: null,
  value: utf8(text),
  headers: null,
});

const answer = (records: LogRecord[], nextOffset = records.at(-1)!.offset + 1) => ({ records, nextOffset });
const nothing = (offset: number) => ({ records: [], nextOffset: offset });

/** Has read 0 to 9 at a time of 0. */
function afterTen() {
  const continuity = continuityFrom(0, 0);
  const ten = answer(Array.from({ length: 10 }, (_, n) => record(n)));
  assert.equal(continuity.judge({ offset: 0, sentMs: 0 }, ten, 0), "continues");
  return continuity;
}

describe("continuity", () => {
  it("asks for no proof while each answer comes soon after the one before, empty ones too", () => {
    const continuity = afterTen();
    for (let nowMs = 100; nowMs < 3 * vouchedMsMax; nowMs += 100) {
      assert.equal(continuity.from(10, nowMs), 10);
      assert.equal(continuity.judge({ offset: 10, sentMs: nowMs }, nothing(10), nowMs + 99), "continues");
    }
  });

  it("asks again from the last record on after a failure, and after a long time without an answer", () => {
    const failed = afterTen();
    failed.doubt();
    assert.equal(failed.from(10, 1), 9);
    const late = afterTen();
    assert.deepEqual([late.from(10, vouchedMsMax), late.from(10, vouchedMsMax + 1)], [10, 9]);
  });

  it("has nothing to ask for before the first record of a log that is read from its beginning", () => {
    const continuity = continuityFrom(0, 0);
    continuity.doubt();
    assert.equal(continuity.from(0, 9_999), 0);
    assert.equal(
      continuity.judge({ offset: 0, sentMs: 9_999 }, answer([record(0), record(1)]), 9_999),
      "continues",
    );
    assert.equal(continuity.from(2, 9_999), 2);
  });

  it("a position in the middle of the log learns the record before it, and holds the log to it from then on", () => {
    const continuity = continuityFrom(10, 0);
    assert.equal(continuity.from(10, 0), 9);
    assert.equal(continuity.judge({ offset: 9, sentMs: 0 }, answer([record(9, "any")]), 0), "continues");
    assert.equal(continuity.from(10, 1), 10);
    continuity.doubt();
    assert.equal(continuity.judge({ offset: 9, sentMs: 1 }, answer([record(9)]), 1), "replaced");
  });

  const shown: [what: string, answer: { records: LogRecord[]; nextOffset: number }, verdict: string][] = [
    ["the record again", answer([record(9)]), "continues"],
    ["the record again, and more", answer([record(9), record(10), record(11)]), "continues"],
    ["another value there", answer([record(9, "another", 1_009)]), "replaced"],
    ["another time there", answer([record(9, "record 9", 5_000)]), "replaced"],
    ["nothing there, but a record beyond it", answer([record(12)]), "continues"],
    ["nothing there, but an emptied batch that reaches beyond it", nothing(14), "continues"],
    ["nothing at all", nothing(9), "unproven"],
  ];
  for (const [what, given, verdict] of shown) {
    it(`in doubt: ${what} is ${verdict}`, () => {
      const continuity = afterTen();
      continuity.doubt();
      assert.equal(continuity.judge({ offset: 9, sentMs: 50 }, given, 60), verdict);
      if (verdict === "continues") assert.equal(continuity.from(given.nextOffset, 60), given.nextOffset);
      if (verdict === "unproven") assert.equal(continuity.from(10, 60), 9);
    });
  }

  it("the last record of the proof is the next to be shown", () => {
    const continuity = afterTen();
    continuity.doubt();
    continuity.judge({ offset: 9, sentMs: 50 }, answer([record(9), record(10), record(11)]), 60);
    continuity.doubt();
    assert.equal(continuity.from(12, 61), 11);
    assert.equal(continuity.judge({ offset: 11, sentMs: 61 }, answer([record(11)]), 62), "continues");
  });

  it("an answer that was under way for too long proves nothing, whatever it brings: the process was stopped", () => {
    const continuity = afterTen();
    const came = vouchedMsMax + 1;
    assert.equal(continuity.judge({ offset: 10, sentMs: 100 }, answer([record(10)]), came), "unproven");
    assert.equal(continuity.from(10, came), 9);
  });

  it("an answer that came before the stop vouches only from when it was asked for", () => {
    const continuity = afterTen();
    continuity.judge({ offset: 10, sentMs: 100 }, nothing(10), 200);
    assert.equal(continuity.from(10, 100 + vouchedMsMax + 1), 9);
  });

  it("a proof that takes long is a proof", () => {
    const continuity = afterTen();
    const [sentMs, came] = [5_000, 5_000 + 2 * vouchedMsMax];
    assert.equal(continuity.judge({ offset: 9, sentMs }, answer([record(9), record(10)]), came), "continues");
  });

  it("a record that was trimmed cannot be shown any more, one that is still there must be", () => {
    const continuity = afterTen();
    continuity.doubt();
    continuity.trimmed(9);
    assert.equal(continuity.from(10, 1), 9);
    continuity.trimmed(10);
    assert.equal(continuity.from(10, 1), 10);
    assert.equal(continuity.judge({ offset: 10, sentMs: 1 }, answer([record(10)]), 2), "continues");
  });
});
