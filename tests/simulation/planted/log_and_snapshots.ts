/** Planted bugs of the order publish → snapshot → commit, of owning and restoring, of reading, and of the sink. */
import { type Bug, change } from "./bug.ts";

const partition = "src/runtime/partition.ts";
const acquire = "src/runtime/acquire.ts";
const reader = "src/log/kafka/partition_reader.ts";
const feed = "src/sinks/table_feed.ts";

export const logAndSnapshotBugs: readonly Bug[] = [
  {
    name: "commit before publish: an insert is committed before it is stored",
    by: "simulation",
    changes: [change(
      feed,
      "if (await insertBlock(block) && await insist(() => commitBlock(block)) !== null) {",
      "if (await insist(() => commitBlock(block)) !== null && await insertBlock(block)) {",
    )],
  },
  {
    name: "snapshot before publish",
    by: "simulation",
    changes: [
      change(
        partition,
        "this.nextOffset === this.snapshotOffset)) return null;\n    await this.#flush();",
        "this.nextOffset === this.snapshotOffset)) return null;\n    void this.#flush().catch(() => {});",
      ),
    ],
  },
  {
    name: "a snapshot ahead of the log is discarded instead of refused",
    by: "simulation",
    changes: [
      change(
        acquire,
        "    refuseBehind(manifest, bounds, tp);\n    refuseTrimmed",
        "    if (manifest.next_offset > bounds.end) continue;\n    refuseTrimmed",
      ),
      change(acquire, "await refuseByNeighbours(options, partitions);\n  return", "return"),
    ],
  },
  {
    name: "neighbours are not asked whether the log is the one that was folded",
    by: "tests/faults/row_10_neighbours_test.ts",
    changes: [change(acquire, "await refuseByNeighbours(options, partitions);\n  return", "return")],
  },
  {
    name: "the last folded record is not compared with the log's",
    by: "tests/faults/row_10_test.ts",
    changes: [change(
      acquire,
      "if (!isSame) throw logReplaced",
      "if (record.offset < 0 && !isSame) throw logReplaced",
    )],
  },
  {
    name: "segments are loaded without looking at their hash",
    by: "simulation",
    changes: [
      change(
        acquire,
        "if (bytes === null || await contentHash(bytes) !== hash) return null;",
        "if (bytes === null) return null;",
      ),
    ],
  },
  {
    name: "manifests are read without looking at their checksum",
    by: "tests/faults/row_12_test.ts",
    changes: [change(
      "src/runtime/manifest.ts",
      "if (cut !== 64 || await contentHash(utf8(body)) !== text.slice(0, cut)) {",
      "if (cut !== 64) {",
    )],
  },
  {
    name: "a publisher gives up after the first failure",
    by: "simulation",
    changes: [change("src/runtime/publisher.ts", "await clock.sleep(retryMs, signal);", "return;")],
  },
  {
    name: "what was taken from the outbox is published only if the log answers at once",
    by: "simulation",
    changes: [change(
      partition,
      "await this.#options.publisher.publish(outputs, this.#stop.signal);",
      "void this.#options.publisher.publish(outputs, this.#stop.signal).catch(() => {});",
    )],
  },
  {
    name: "early break from a batch, the rest taken for read",
    by: "simulation",
    changes: [
      change(
        partition,
        "for (let i = 0; i < records.length; i++) {\n        const record",
        "for (let i = 0; i < Math.min(60, records.length); i++) {\n        const record",
      ),
    ],
  },
  {
    name: "jump to latest on out of range",
    by: "simulation",
    changes: [
      change(
        reader,
        "refuseOutside(at.offset, bounds);\n      continuity",
        "at.offset = bounds.end;\n      continuity",
      ),
    ],
  },
  {
    name: "records from before the asked offset are handed over again",
    by: "simulation",
    changes: [
      change(reader, "while (from < records.length && records.at(from)!.offset < at.offset) from++;", ""),
    ],
  },
  {
    name: "a partition that was lost while it was restored comes back",
    by: "tests/pipeline/ownership_test.ts",
    changes: [
      change("src/runtime/host.ts", "if (claims.get(tp.partition) !== claim) return actor.nextOffset;", ""),
    ],
  },
  {
    name: "a wall clock behind the log's makes records younger than new",
    by: "simulation",
    changes: [
      change(partition, "ageMs: Math.max(0, clock.nowMs() - recordMs),", "ageMs: clock.nowMs() - recordMs,"),
    ],
  },
  {
    name: "segment collected while an older manifest names it",
    by: "tests/conformance/snapshot_test.ts",
    changes: [
      change(
        "src/snapshots/memory.ts",
        "...manifests.flatMap((m) => m.segments),",
        "...(manifests[0]?.segments ?? []),",
      ),
    ],
  },
  {
    name: "ClickHouse retry as another block",
    by: "simulation",
    changes: [
      change(
        feed,
        "{ token: `${token}[${range[0]},${range[1]})` }",
        "{ token: `${token}[${range[0]},${range[1]})/${failures}` }",
      ),
    ],
  },
  {
    name: "a block's token does not name its rows",
    by: "simulation",
    changes: [
      change(
        feed,
        "`${tp.partition}:${first}-${next.offset}:${next.metadata}`",
        "`${tp.partition}:${first}`",
      ),
      change(feed, "{ token: `${token}[${range[0]},${range[1]})` }", "{ token }"),
    ],
  },
  {
    name: "a refused row takes its block with it",
    by: "simulation",
    changes: [change(feed, "} else if (part.length > 1) {", "} else if (part.length > 100_000) {")],
  },
  {
    name: "the sink begins at the log's end where nothing is committed",
    by: "simulation",
    changes: [
      change(
        "src/sinks/resume.ts",
        "return { offset: start, end, gap: null };",
        "return { offset: end, end, gap: null };",
      ),
    ],
  },
  {
    name: "TTL by event time",
    by: "tests/conformance/analytics_test.ts",
    changes: [change(
      "sql/001_ride_events.sql",
      "toDateTime(log_time, 'UTC') + INTERVAL 90 DAY",
      "toDateTime(timestamp, 'UTC') + INTERVAL 90 DAY",
    )],
  },
  {
    name: "202 before the acknowledgement",
    by: "tests/unit/http/ingest_test.ts",
    changes: [
      change(
        "src/http/ingest.ts",
        "const refused = await inTime(appending, needs);",
        "const refused = null as Refused | null;",
      ),
    ],
  },
];
