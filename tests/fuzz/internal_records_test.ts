/** Records that Waymark writes itself and reads back: whoever may write to these topics must not stop anything. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { erasureRecord } from "../../schemas/erasure.ts";
import { emptyJournal, silenceOf, takeFact } from "../../src/alerts/journal.ts";
import { readAlert, readJournalFact } from "../../src/codec/alert_record.ts";
import { Outbox } from "../../src/fold.ts";
import { fromUtf8 } from "../../src/ids.ts";
import type { LogRecord } from "../../src/log/port.ts";
import { readCells, readEnded, readWindow } from "../../src/sinks/board_records.ts";
import { sinkTables } from "../../src/sinks/rows.ts";
import { citiesStage } from "../../src/stages/cities.ts";
import { decodeRules } from "../../src/stages/rule_record.ts";
import { decodePartial } from "../../src/windows/partial.ts";
import { stageContext } from "../unit/stages/stage_context.ts";
import { corpusOf, fuzz, withEachOddValue } from "./mutants.ts";

const record = (value: Uint8Array, offset = 0): LogRecord => ({
  offset,
  timestampMs: 1_768_500_000_000,
  key: null,
  value,
  headers: { reason: "late", topic: "ride-events", partition: "0", offset: "1" },
});

/** No number of a state may be none: JSON writes it as null where a number was. */
function refuseNaN(value: unknown, path = ""): void {
  if (typeof value === "number") assert.ok(!Number.isNaN(value), `${path} is NaN`);
  if (typeof value !== "object" || value === null) return;
  for (const [name, inner] of Object.entries(value)) refuseNaN(inner, `${path}.${name}`);
}

describe("city-partials", () => {
  const corpus = [...corpusOf("partials.txt"), ...corpusOf("rules.txt")];
  /** In the middle of things: once its sources have ended, a fold passes over everything as missed. */
  const begun = () => {
    const fold = citiesStage(stageContext()).create(0);
    const out = new Outbox();
    corpus.filter((value) => !fromUtf8(value).includes('"ended"')).forEach((value, i) =>
      fold.fold(record(value, i), out)
    );
    return { fold, out };
  };

  it("of the corpus are read", () => {
    for (const value of corpusOf("partials.txt")) assert.ok(decodePartial(value) !== null, fromUtf8(value));
    for (const value of corpusOf("rules.txt")) assert.ok(decodeRules(value) !== null, fromUtf8(value));
    const { out } = begun();
    assert.ok(out.records > 0);
  });

  it("of which any one value is an odd one stop nothing", () => {
    const [, one] = corpusOf("partials.txt");
    let { fold, out } = begun();
    let folded = 0;
    for (const value of withEachOddValue(one!)) {
      if (++folded % 10 === 0) ({ fold, out } = begun());
      try {
        fold.fold(record(value, corpus.length + folded), out);
        out.take();
      } catch (error) {
        throw new Error(`${fromUtf8(value)} stops the fold`, { cause: error });
      }
    }
    assert.ok(folded > 3_000, `${folded}`);
  });

  it("that are not ours are passed over: the fold never throws, and holds and publishes no NaN", () => {
    let { fold, out } = begun();
    let folded = 0;
    return fuzz({
      name: "partials",
      corpus,
      mutants: 6_000,
      judge(value) {
        if (++folded % 40 === 0) ({ fold, out } = begun());
        fold.fold(record(value, corpus.length + folded), out);
        if (folded % 20 !== 0) return void out.take();
        while (!fold.flush(out)) { /* until everything is told */ }
        for (const output of out.take()) refuseNaN(JSON.parse(fromUtf8(output.value)));
        for (const entry of fold.entries()) refuseNaN(entry);
      },
    });
  });
});

describe("alerts, the journal and erasures", () => {
  const corpus = [...corpusOf("alerts.txt"), ...corpusOf("journal.txt"), ...corpusOf("erasures.txt")];

  it("of the corpus are read", () => {
    for (const value of corpusOf("alerts.txt")) assert.ok(readAlert(value) !== null, fromUtf8(value));
    for (const value of corpusOf("journal.txt")) assert.ok(readJournalFact(value) !== null, fromUtf8(value));
    for (const value of corpusOf("erasures.txt")) erasureRecord.parse(JSON.parse(fromUtf8(value)));
  });

  it("that are not ours are null, and what is read can be folded", () => {
    const journal = emptyJournal();
    return fuzz({
      name: "alerts",
      corpus,
      mutants: 10_000,
      judge(value) {
        const alert = readAlert(value);
        assert.ok(alert === null || !Number.isNaN(Date.parse(alert.window_end)));
        const fact = readJournalFact(value);
        if (fact !== null) takeFact(journal, fact);
        silenceOf(journal, { rule: "r", city: "wien" }, 0);
      },
    });
  });
});

/** Texts and names: ClickHouse takes no lone surrogate. */
const isWellFormed = (value: unknown): boolean =>
  typeof value === "string"
    ? value.isWellFormed()
    : typeof value !== "object" || value === null || Object.entries(value).flat().every(isWellFormed);

describe("what the board and ClickHouse read back", () => {
  const corpus = [
    ...corpusOf("outputs.txt"),
    ...corpusOf("alerts.txt"),
    ...corpusOf("ride_events.txt"),
    ...corpusOf("driver_locations.txt"),
  ];
  const source = { topic: "t", partition: 0, logEpoch: 0, replayed: false };

  it("of the corpus is read by some of them", () => {
    for (const value of corpus) {
      const rows = sinkTables.slice(0, 5).filter((table) => table.row(record(value), source).ok);
      assert.equal(rows.length, 1, fromUtf8(value));
    }
    const outputs = corpusOf("outputs.txt");
    assert.ok(
      outputs.some((value) => readWindow(value) !== null) &&
        outputs.some((value) => readEnded(value) !== null),
    );
    const [cells] = corpusOf("cells.txt");
    assert.ok(readCells(cells!) !== null);
  });

  it("that is not ours is refused, and a row has a cell per column, none of them NaN", () =>
    fuzz({
      name: "rows of tables",
      corpus: [...corpus, ...corpusOf("cells.txt")],
      mutants: 6_000,
      judge(value) {
        for (const read of [readWindow, readEnded, readCells]) read(value);
        for (const table of sinkTables) {
          const made = table.row(record(value), source);
          if (!made.ok) {
            assert.ok(made.code !== "" && made.message !== "");
            continue;
          }
          const cells = JSON.parse(made.line) as unknown[];
          assert.equal(cells.length, table.columns.length);
          assert.ok(isWellFormed(cells), made.line);
        }
      },
    }));
});
