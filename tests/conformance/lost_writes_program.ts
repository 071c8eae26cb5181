/**
 * One step of lost_writes_test.ts, in a process of its own: which files may grow how large is a limit of a process,
 * and a write beyond it fails as one on a full disk does. Prints what came of the step as JSON.
 */
import process from "node:process";
import { messageOf } from "../../src/errors.ts";
import { type Analytics, openEmbedded } from "../../src/sinks/analytics.ts";

const [step = "", path = ""] = process.argv.slice(2);
const target = { table: "kept", columns: ["id", "text"] };
/** Text that no compression makes shorter than half. */
const rows = (from: number, count: number): string[] =>
  Array.from({ length: count }, (_, i) => JSON.stringify([from + i, noise(from + i, 512)]));

function noise(seed: number, length: number): string {
  let text = "";
  for (let state = seed + 1; text.length < length;) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    text += (state >>> 8).toString(36);
  }
  return text.slice(0, length);
}

const steps: Record<string, (analytics: Analytics) => Promise<unknown>> = {
  /** Ten parts of 50 rows, each about 20 kB, that are merged when it is asked for and not before. */
  async fill(analytics) {
    await analytics.command(
      "CREATE TABLE kept (id UInt64, text String) ENGINE = ReplacingMergeTree ORDER BY id " +
        "SETTINGS non_replicated_deduplication_window = 1000, max_bytes_to_merge_at_max_space_in_pool = 1",
    );
    for (let i = 0; i < 10; i++) await analytics.insert(target, rows(50 * i, 50), { token: `part ${i}` });
  },
  /** One part of 1,000 rows. */
  insert: (analytics) => analytics.insert(target, rows(1_000, 1_000), { token: "large" }),
  merge: (analytics) => analytics.command("OPTIMIZE TABLE kept FINAL"),
  count: () => Promise.resolve("ok"),
};

const analytics = openEmbedded({ path });
const outcome = await steps[step]!(analytics).catch(messageOf);
const rowsThere = await analytics.query(
  "SELECT toUInt32(count()) AS count, toUInt32(uniqExact(id)) AS ids, toUInt32(sum(length(text))) AS characters FROM kept FINAL",
);
const setAside = await analytics.query(
  "SELECT name FROM system.detached_parts WHERE table = 'kept' AND reason = 'broken-on-start'",
);
await analytics.close();
console.log(JSON.stringify({ outcome: outcome ?? "ok", rows: rowsThere[0], setAside: setAside.length }));
