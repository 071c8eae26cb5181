/** Row 22: a partition that has half the traffic, rides that never end, and events of rides that have left. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readConfig } from "../../src/config.ts";
import { Outbox } from "../../src/fold.ts";
import { utf8 } from "../../src/ids.ts";
import { limits } from "../../src/limits.ts";
import { memoryLog } from "../../src/log/memory.ts";
import { stageContext } from "../../src/node/context.ts";
import { RidesFold } from "../../src/stages/rides.ts";
import { hourMs, isoTime, minuteMs, systemClock } from "../../src/time.ts";
import { eventually } from "../conformance/eventually.ts";

const context = stageContext(readConfig({}));
const startMs = Date.UTC(2026, 0, 15, 18);

describe("row 22: a partition with nearly all of the records", () => {
  it("does not keep the others waiting: they are at their ends before it is", async () => {
    const log = memoryLog({ clock: systemClock });
    await log.ensureTopics([{ topic: "t", partitions: 3, retentionMs: hourMs }]);
    const hot = 20_000;
    await log.append(
      Array.from({ length: hot }, () => ({ topic: "t", partition: 0, key: null, value: utf8("x") })),
    );
    for (const partition of [1, 2]) {
      await log.append(
        Array.from({ length: 50 }, () => ({ topic: "t", partition, key: null, value: utf8("y") })),
      );
    }
    const read = [0, 0, 0];
    let hotWhenOthersDone: number | null = null;
    const member = await log.join({
      ...{ group: "g", topics: ["t"], batchRecordsMax: 500 },
      handlers: {
        assigned: async () => 0,
        batch: async ({ partition }, records) => {
          read[partition]! += records.length;
          if (read[1] === 50 && read[2] === 50) hotWhenOthersDone ??= read[0]!;
        },
        empty: async () => {},
        revoked: async () => {},
        lost: () => {},
        failed: () => {},
      },
    });
    await eventually("all is read", () => read[0] === hot && hotWhenOthersDone !== null);
    assert.ok(
      hotWhenOthersDone! <= hot / 10,
      `${hotWhenOthersDone} of the hot partition's records were read first`,
    );
    await member.leave();
    await log.close();
  });
});

describe("row 22: rides that never end", () => {
  const perMinute = 100;
  const minutes = 12 * 60;

  it("leave after the longest ride's time: what is held stays flat, and what comes for one that left revives nothing", () => {
    const fold = new RidesFold(context, 0);
    const out = new Outbox();
    let offset = 0;
    const fold1 = (atMs: number, value: object, recordMs = atMs) => {
      const record = {
        offset: offset++,
        timestampMs: recordMs,
        key: null,
        headers: null,
        value: utf8(JSON.stringify(value)),
      };
      fold.fold(record, out);
    };
    const event = (event_type: string, ride_id: string, atMs: number) => ({
      ...{ event_type, ride_id, timestamp: isoTime(atMs), city: "wien" },
    });
    const held: number[] = [];
    for (let minute = 0; minute < minutes; minute++) {
      for (let n = 0; n < perMinute; n++) {
        const atMs = startMs + minute * minuteMs + n * 500;
        fold1(atMs, event("requested", `ride-${minute}-${n}`, atMs));
      }
      while (!fold.flush(out)) { /* all of it */ }
      out.take();
      if (minute % 60 === 59) held.push(fold.status().actors["ride"]!);
    }
    const most = (limits.rideMsMax / minuteMs + 20) * perMinute;
    assert.ok(held.every((rides) => rides <= most), `${held} held, wanted: at most ${most}`);
    assert.ok(Math.abs(held.at(-1)! - held.at(-4)!) <= perMinute, `${held}: not flat`);

    const endMs = startMs + minutes * minuteMs;
    const { counted, too_late } = fold.ledger;
    const before = fold.status().actors["ride"];
    fold1(startMs + minuteMs, event("accepted", "ride-1-0", startMs + minuteMs), endMs);
    assert.deepEqual([fold.ledger.counted, fold.ledger.too_late], [counted, too_late + 1]);
    assert.equal(fold.status().actors["ride"], before);
    const letters = out.take();
    assert.deepEqual(letters.map((o) => [o.topic, o.headers?.["reason"]]), [["late-events", "too_late"]]);
  });
});
