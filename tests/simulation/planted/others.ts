/** Planted bugs of merging and watermarks, of alerts and those who are told, and of erasure. */
import { type Bug, change } from "./bug.ts";

const sources = "src/windows/sources.ts";
const due = "src/alerts/due.ts";

export const otherBugs: readonly Bug[] = [
  {
    name: "the watermark of a city is the newest of its sources instead of the oldest",
    by: "simulation",
    changes: [change(sources, "Math.min(lowest, ms);", "Math.max(lowest, ms);")],
  },
  {
    name: "sources that were not heard of yet hold nothing back",
    by: "simulation",
    changes: [change(sources, "if (ms === null) return null;", "if (ms === null) continue;")],
  },
  {
    name: "a register is added to the one it replaces",
    by: "simulation",
    changes: [
      change(
        "src/windows/pane_registers.ts",
        "numbers[base + i]! -= numbers[held + valuesFrom + i]!;",
        "void base;",
      ),
    ],
  },
  {
    name: "records of a fetch are handed over in another order",
    by: "simulation",
    changes: [
      change(
        "src/log/kafka/partition_reader.ts",
        "if (from < records.length) waiting.push({ records, from });",
        "if (from < records.length) waiting.splice(-1, 0, { records, from });",
      ),
    ],
  },
  {
    name: "what an idle source said ahead of its watermark stays when it folds on",
    by: "tests/unit/stages/cities_test.ts",
    changes: [
      change("src/stages/cities.ts", "closings.takeBack(index, partial.next_offset);", "void closings;"),
    ],
  },
  {
    name: "what is taken back leaves an empty place, which a snapshot does not keep",
    by: "tests/unit/windows/closings_test.ts",
    changes: [
      change("src/windows/closings.ts", "if (all.length === 0) cities.delete(city);", ""),
    ],
  },
  {
    name: "a slow revocation lets go of the partition that came back since",
    by: "tests/unit/runtime/came_back_test.ts",
    changes: [
      change("src/runtime/host.ts", "if (actors.get(tp.partition) === actor) release(tp);", "release(tp);"),
    ],
  },
  {
    name: "a slow revocation of the sink lets go of the partition that came back since",
    by: "tests/unit/runtime/came_back_test.ts",
    changes: [
      change(
        "src/sinks/clickhouse.ts",
        "if (progresses.get(keyOf(tp)) === progress) giveUp(tp);",
        "giveUp(tp);",
      ),
    ],
  },
  {
    name: "a row of boundaries has no end",
    by: "tests/unit/alerts/judge_test.ts",
    changes: [
      change("src/alerts/judge.ts", "row.filter((ms) => boundaryMs - ms < rowMs);", "row;"),
    ],
  },
  {
    name: "an alert's memory is kept only when it says something",
    by: "simulation",
    changes: [
      change(
        "src/stages/city_alerts.ts",
        "if (judged.memory !== memory) this.#memories.set(",
        "if (judged.change !== null) this.#memories.set(",
      ),
    ],
  },
  {
    name: "messages that were announced and never settled are forgotten",
    by: "tests/unit/alerts/due_property_test.ts",
    changes: [
      change(
        due,
        "attempt.opens === opens && (!attempt.answered || attempt.atMs + settleMs <= nowMs)",
        "attempt.opens === opens && attempt.answered && attempt.atMs + settleMs <= nowMs && !opens",
      ),
    ],
  },
  {
    name: "a receiver is told what is older than what it knows",
    by: "tests/unit/alerts/due_property_test.ts",
    changes: [
      change(due, "if (told !== null && comparePlacing(told.newest, newest) > 0) return null;", ""),
    ],
  },
  {
    name: "another partition's snapshot is loaded",
    by: "tests/faults/row_12_test.ts",
    changes: [
      change("src/runtime/acquire.ts", "read.manifest.partition !== partition ||", ""),
    ],
  },
  {
    name: "an erased rider stays in memory under the own id",
    by: "tests/faults/row_30_test.ts",
    changes: [
      change(
        "src/stages/rides.ts",
        "const pseudonym = this.#context.erased?.pseudonymOf(rider.userId ?? null) ?? null;",
        "const pseudonym = null as string | null;",
      ),
    ],
  },
  {
    name: "what a disk refused to the embedded ClickHouse counts as stored",
    by: "tests/conformance/lost_writes_test.ts",
    changes: [
      change(
        "src/sinks/lost_writes.ts",
        "if (settled === before) return result;",
        "if (before !== null) return result;",
      ),
    ],
  },
  {
    name: "empty merges stand for the parts that went into them",
    by: "tests/conformance/lost_writes_test.ts",
    changes: [change("src/sinks/lost_writes.ts", "await mend();", "")],
  },
  {
    name: "an insert whose rows were set aside is taken for one that is there",
    by: "tests/conformance/lost_writes_test.ts",
    changes: [
      change(
        "src/sinks/lost_writes.ts",
        "await rm(`${path}/deduplication_logs`, { recursive: true, force: true });",
        "",
      ),
    ],
  },
  {
    name: "the ClickHouse server answers what its disk refused",
    by: "tests/conformance/lost_writes_test.ts",
    changes: [
      change(
        "src/clickhouse_door/engine.ts",
        "if (!question.readOnly) return await guard.watched(() => answer(question));",
        "",
      ),
    ],
  },
];
