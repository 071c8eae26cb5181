import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { PartitionView, ReceiverView, SinkView } from "../../../src/http/handles.ts";
import { verdictOf } from "../../../src/http/pipeline_view.ts";
import { isoTime } from "../../../src/time.ts";
import { minutesAfterNoon as at, noonMs, openDoors } from "./doors.ts";
import { partitionView } from "./twin.ts";

const html = { accept: "text/html" };
const sink: SinkView = { state: "running", rows: 0, lag_records: 0, oldest_seconds: 0, error: null };
const healthy = { started: true, ready: true, draining: false, causes: [] };
const here = { node: "node-1", address: null, answered: true, partitions: 2 };

const judged = (
  partitions: Partial<PartitionView>[],
  { nodes = [here], ...more }:
    & Partial<Parameters<typeof verdictOf>[0]>
    & { balanced?: boolean; receivers?: ReceiverView[] } = {},
  health = healthy,
) =>
  verdictOf(
    {
      partitions: partitions.map((one, i) => partitionView("ride-events", i, one)),
      sink: more.sink ?? sink,
      nodes,
      watermarks: more.watermarks ?? { rides: null, all: null, held_by: null },
    },
    { nowMs: noonMs, health, receivers: more.receivers ?? [], ledger: { balanced: more.balanced ?? true } },
  );

const heldSince = (minute: number) => ({ rides: isoTime(at(minute)), all: null, held_by: "ride-events/1" });

describe("verdictOf", () => {
  it("names the partition, sink or node at fault", () => {
    const error = { code: "handler_failing", message: "the handler threw on 10 records in a row" };
    const cases: [
      what: string,
      verdict: ReturnType<typeof verdictOf>,
      level: string,
      culprit: string | null,
    ][] = [
      ["all is well", judged([{}, {}]), "well", null],
      ["a partition stopped", judged([{}, { state: "stopped", error }]), "fault", "ride-events/1"],
      ["a partition of nobody", judged([{ state: "unowned" }, {}]), "fault", "ride-events/0"],
      [
        "a node that does not answer",
        judged([{}], { nodes: [here, { ...here, node: "", address: "http://b:1", answered: false }] }),
        "fault",
        "http://b:1",
      ],
      [
        "one of many that lags",
        judged([{}, {}, { lag_seconds: 31, lag_records: 9 }]),
        "fault",
        "ride-events/2",
      ],
      ["a lag that passes", judged([{ lag_seconds: 29, lag_records: 90_000 }]), "well", null],
      ["a start", judged([{ state: "warming_up" }]), "watch", "ride-events/0"],
      ["a silent producer", judged([{}, {}], { watermarks: heldSince(-3) }), "fault", "ride-events/1"],
      ["a minute that closes", judged([{}, {}], { watermarks: heldSince(-1) }), "well", null],
      [
        "drivers that send nothing",
        judged([{}, { holds_watermark: true, watermark_behind_seconds: 121 }]),
        "watch",
        "ride-events/1",
      ],
      [
        "a source never heard of",
        judged([{}, { holds_watermark: true, watermark_behind_seconds: null }]),
        "watch",
        "ride-events/1",
      ],
      [
        "a source that is declared idle",
        judged([{ holds_watermark: true, watermark_behind_seconds: 999, idle: true }]),
        "well",
        null,
      ],
      [
        "one of many that is silent while the others are not",
        judged([{}, {}, {}, { idle: true, watermark_behind_seconds: 121 }]),
        "watch",
        "ride-events/3",
      ],
      [
        "one of many that has been silent for a moment",
        judged([{}, {}, {}, { idle: true, watermark_behind_seconds: 119 }]),
        "well",
        null,
      ],
      [
        "a topic with little on it",
        judged([{}, {}, ...Array(2).fill({ idle: true, watermark_behind_seconds: 900 })]),
        "well",
        null,
      ],
      [
        "a broken sink",
        judged([{}], { sink: { ...sink, state: "failing", error: "refused" } }),
        "fault",
        "ClickHouse",
      ],
      ["a slow sink", judged([{}], { sink: { ...sink, state: "behind" } }), "watch", "ClickHouse"],
      [
        "a receiver of alerts that cannot be reached",
        judged([{}], {
          receivers: [{ receiver: "pagerduty", pending: 2, oldest_seconds: 9, failing: "503" }],
        }),
        "fault",
        "pagerduty",
      ],
      ["records unaccounted for", judged([{}], { balanced: false }), "fault", "the ledger"],
      ["a drain", judged([{}], {}, { ...healthy, draining: true }), "watch", null],
    ];
    for (const [what, verdict, level, culprit] of cases) {
      assert.deepEqual([verdict.level, verdict.culprit], [level, culprit], what);
    }
  });

  it("names a cause before its consequence", () => {
    const stuck = { state: "stopped", error: { code: "x", message: "y" } } as const;
    const verdict = judged([
      { lag_seconds: 900 },
      { holds_watermark: true, watermark_behind_seconds: 900 },
      stuck,
    ], { sink: { ...sink, state: "behind" } });
    assert.equal(verdict.culprit, "ride-events/2");
  });
});

describe("/sre", () => {
  it("says the same to people and to programs", async () => {
    await using doors = await openDoors();
    doors.twin.state.partitions = [
      partitionView("ride-events", 0),
      partitionView("ride-events", 7, { lag_seconds: 95, lag_records: 12_034 }),
    ];
    const said = "ride-events/7 on node-1 is 95 s and 12034 records behind the end of its log";
    const answer = await (await doors.get("/sre")).json();
    assert.equal(answer.verdict.text, said);
    const page = await (await doors.get("/sre", html)).text();
    assert.ok(page.includes(said));
    assert.ok(
      page.indexOf('data-key="ride-events/7"') < page.indexOf('data-key="ride-events/0"'),
      "worst first",
    );
    assert.match(page, /<title>\(fault\) Pipeline/);
  });

  it("shows the newest dead letters with where they come from, as text", async () => {
    await using doors = await openDoors();
    const source = { source_topic: "ride-events", source_partition: "4" };
    for (let i = 0; i < 9; i++) {
      await doors.twin.write("dead-letters", "{", {
        ...source,
        source_offset: String(100 + i),
        reason: "json_invalid",
        field: "",
        message: `<img src=x> ${i}`,
      });
    }
    const { dead_letters } = await (await doors.get("/sre")).json();
    assert.deepEqual(dead_letters.map((l: { offset: number }) => l.offset), [108, 107, 106, 105, 104, 103]);
    const page = await (await doors.get("/sre", html)).text();
    assert.match(page, /href="\/records\/ride-events\/4\/108"/);
    assert.ok(page.includes("&lt;img src=x&gt; 8") && !page.includes("<img"));
  });

  it("shows beside each partition what comes out of it and what was odd, and the sum of each topic", async () => {
    await using doors = await openDoors();
    doors.twin.state.partitions = [
      partitionView("ride-events", 4, { published: 1_207 }),
      partitionView("ride-events", 5, { published: 93 }),
    ];
    doors.twin.state.ledger = [
      { topic: "ride-events", partition: 4, read: 9_000, late: 31, too_late: 2, dead_lettered: 5 },
    ];
    const page = await (await doors.get("/sre", html)).text();
    const cells = (key: string) =>
      [
        ...(page.split(`data-key="${key}"`)[1] ?? "").split("</tr>")[0]!.matchAll(
          /class="c-(out|late|refused)"[^>]*>(.*?)<\/td>/g,
        ),
      ].map(([, column, text]) => [column, text!.replaceAll(/<[^>]*>/g, "")]);
    assert.deepEqual(cells("ride-events/4"), [["out", "1,207"], ["late", "31"], ["refused", "7"]]);
    assert.deepEqual(cells("ride-events/5"), [["out", "93"], ["late", "–"], ["refused", "–"]]);
    assert.deepEqual(cells("ride-events"), [["out", "1,300"], ["late", "31"]]);
  });

  it("names where misplaced records land", async () => {
    await using doors = await openDoors();
    doors.twin.state.ledger = [{ topic: "ride-events", partition: 4, misplaced: 12 }];
    const page = await (await doors.get("/sre", html)).text();
    assert.match(page, /Misplaced on ride-events\/4 \(12\)/);
  });
});
