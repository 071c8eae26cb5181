/** Holds what a run published against the independent count of its input. */
import assert from "node:assert/strict";
import type { CityWindow } from "../../schemas/city_window.ts";
import { windowLine } from "../../src/node/replay.ts";
import { type Recount, recount, type RecountWindow } from "../recount/recount.ts";
import type { Run } from "./harness.ts";
import { publishedOn } from "./published.ts";

/** The group of a window's fields that a batch program computes, too. */
export function firstGroup(window: CityWindow): RecountWindow {
  const { total_events, requests, acceptances, starts, completions, cancellations, avg_fare, unique_riders } =
    window;
  return { total_events, requests, acceptances, starts, completions, cancellations, avg_fare, unique_riders };
}

/** The count of everything on `ride-events` less what was published as too late or as a dead letter. */
export async function recountOf({ log, pipeline, late, dead }: Run): Promise<Recount> {
  const excluded = [...late.filter((l) => l.reason === "too_late"), ...dead].flatMap(({ source }) => {
    const [topic, partition, offset] = source.split("/");
    return topic === "ride-events" ? [`${partition}/${offset}`] : [];
  });
  const partitioned = await Promise.all(
    (await log.bounds("ride-events")).map(async ({ end }, partition) =>
      (await log.read({ topic: `${pipeline.naming.prefix}ride-events`, partition }, 0, end)).map((
        record,
      ) => ({
        partition,
        ...record,
      }))
    ),
  );
  return recount(partitioned.flat(), new Set(excluded));
}

/** Windows and ledger equal the count, exactly. */
export async function assertRecounted(run: Run): Promise<void> {
  const counted = await recountOf(run);
  const published = new Map(run.windows.map((w) => [`${w.city}|${w.window_start}`, firstGroup(w)]));
  assert.deepEqual([...published.keys()].sort(), [...counted.windows.keys()].sort());
  for (const [key, window] of counted.windows) assert.deepEqual(published.get(key), window, key);
  assert.deepEqual(run.ledger.missed_after_idle, []);
  assert.ok(run.ledger.balanced);
  const { read, counted: distinct, duplicates, too_late, dead_lettered } = run.ledger.total["ride-events"]!;
  assert.deepEqual({ read, distinct, duplicates, excluded: too_late + dead_lettered }, counted.ledger);
  await assertPublished(run);
}

/** What the ledgers say was late, too late or dead is what was published as such, source by source. */
async function assertPublished({ ledger, late, dead, log, pipeline }: Run): Promise<void> {
  for (const { topic, partition, ...line } of ledger.partitions) {
    const from = (all: Run["late"], reason?: string) =>
      all.filter((p) =>
        p.source.startsWith(`${topic}/${partition}/`) && (reason === undefined || p.reason === reason)
      ).length;
    assert.deepEqual(
      { late: from(late, "late"), too_late: from(late, "too_late"), dead_lettered: from(dead) },
      { late: line.late, too_late: line.too_late, dead_lettered: line.dead_lettered },
      `${topic}/${partition}`,
    );
  }
  assert.ok((await publishedOn(log, "late-events", pipeline.naming)).length >= late.length);
}

/** The last windows as `--out` writes them. */
export const linesOf = (windows: CityWindow[]): string => windows.map((w) => windowLine(w) + "\n").join("");
