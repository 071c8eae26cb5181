/** `GET /metrics`: what the alerts of deploy/prometheus are judged by. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { openDoors } from "./doors.ts";

/** Name with labels → value. */
async function scraped(doors: Awaited<ReturnType<typeof openDoors>>): Promise<Map<string, string>> {
  const response = await doors.get("/metrics");
  assert.equal(response.status, 200);
  const lines = (await response.text()).split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(lines.map((line) => line.split(" ") as [string, string]));
}

const about = `topic="ride-events",partition="0"`;

describe("scrape", () => {
  it("a running partition: state, lag, what a crash would cost", async () => {
    await using doors = await openDoors();
    Object.assign(doors.twin.state.partitions[0]!, {
      ...{ state: "running", position: 50, log_end: 60, lag_records: 10, lag_seconds: 2.5, idle: true },
      ...{ snapshot_offset: 20, snapshot_age_seconds: 7 },
    });
    const found = await scraped(doors);
    assert.equal(found.get(`waymark_partition_state{${about},state="running"}`), "1");
    assert.equal(found.get(`waymark_partition_lag_records{${about}}`), "10");
    assert.equal(found.get(`waymark_partition_lag_seconds{${about}}`), "2.5");
    assert.equal(found.get(`waymark_partition_idle{${about}}`), "1");
    assert.equal(found.get(`waymark_snapshot_behind_records{${about}}`), "30");
    assert.equal(found.get(`waymark_snapshot_age_seconds{${about}}`), "7");
  });

  it("a partition that stops: its old state and its positions leave the page", async () => {
    await using doors = await openDoors();
    const [partition] = doors.twin.state.partitions;
    await scraped(doors);
    partition!.state = "stopped";
    const found = await scraped(doors);
    assert.equal(found.get(`waymark_partition_state{${about},state="stopped"}`), "1");
    assert.equal(found.has(`waymark_partition_state{${about},state="running"}`), false);
    assert.equal(found.has(`waymark_partition_lag_records{${about}}`), false);
    assert.equal(found.has(`waymark_snapshot_behind_records{${about}}`), false);
  });

  it("the newest closed window: the minute the watermark of rides has passed; none without a watermark", async () => {
    await using doors = await openDoors();
    assert.equal((await scraped(doors)).has("waymark_window_closed_seconds"), false);
    doors.twin.state.watermarks = { rides: "2026-01-15T12:03:59.999Z", all: null, held_by: null };
    assert.equal(
      (await scraped(doors)).get("waymark_window_closed_seconds"),
      String(Date.UTC(2026, 0, 15, 12, 3) / 1_000),
    );
    doors.twin.state.watermarks = { rides: null, all: null, held_by: null };
    assert.equal((await scraped(doors)).has("waymark_window_closed_seconds"), false);
  });

  it("what was passed over, and what had to leave to keep a bound", async () => {
    await using doors = await openDoors();
    doors.twin.state.partitions[0]!.unreadable = 3;
    doors.twin.state.ledger = [{ topic: "ride-events", partition: 0, evicted_by_cap: 5 }];
    const found = await scraped(doors);
    assert.equal(found.get(`waymark_partition_unreadable_records{${about}}`), "3");
    assert.equal(found.get(`waymark_partition_evicted_by_cap_records{${about}}`), "5");
  });

  it("the heap, its limit, and all of the memory, as they are now", async () => {
    await using doors = await openDoors();
    const bytes = async (name: string) => Number((await scraped(doors)).get(name));
    assert.ok(await bytes("process_heap_bytes") > 1e6);
    assert.ok(await bytes("process_heap_bytes") < await bytes("waymark_heap_limit_bytes"));
    assert.ok(await bytes("process_heap_bytes") < await bytes("process_resident_memory_bytes"));
  });

  it("the sink has one state", async () => {
    await using doors = await openDoors();
    doors.twin.state.sink.state = "failing";
    await scraped(doors);
    doors.twin.state.sink.state = "running";
    const states = [...await scraped(doors)].filter(([name]) => name.startsWith("waymark_sink_state"));
    assert.deepEqual(states, [[`waymark_sink_state{state="running"}`, "1"]]);
  });
});
