/** A disk that does not keep what it was given: nothing is answered or folded that it may have lost, and the process ends. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { readConfig } from "../../src/config.ts";
import { createApp } from "../../src/http/app.ts";
import { startService } from "../../src/node/service.ts";
import { createSignals } from "../../src/telemetry/signals.ts";
import { isoTime, systemClock } from "../../src/time.ts";
import { openWalFile } from "../../src/wal_sync.ts";
import { codeOf, eventually } from "../conformance/eventually.ts";

it("a sync that fails ends the process with disk_sync_failed, and the door answers 503", async () => {
  const folder = await mkdtemp(join(tmpdir(), "waymark-disk-"));
  const disk = { fails: false };
  const service = await startService({
    config: readConfig({
      WAYMARK_DATA_DIR: folder,
      WAYMARK_CLICKHOUSE: "off",
      WAYMARK_PARTITIONS: "ride-events=1,driver-locations=1,city-partials=1",
    }),
    clock: systemClock,
    signals: createSignals(systemClock, "text", () => {}),
    openWal(path) {
      const file = openWalFile(path);
      return {
        ...file,
        sync: () => disk.fails ? Promise.reject(new Error("Input/output error (os error 5)")) : file.sync(),
      };
    },
  });
  const app = createApp({
    handles: service.handles,
    config: { ingestKeys: [], readKeys: [] },
    clock: systemClock,
  });
  const post = (ride: string) =>
    app.hono.request("/v1/events", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        ...{ event_type: "requested", ride_id: ride, city: "wien" },
        timestamp: isoTime(systemClock.nowMs()),
      }),
    });
  /** Undefined while no partition runs. */
  const read = () => service.handles.own.ledger().total["ride-events"]?.read;
  assert.equal((await post("ride-1")).status, 202);
  await eventually("it is folded", () => read() === 1);
  disk.fails = true;
  for (const ride of ["ride-2", "ride-3"]) {
    const response = await post(ride);
    assert.equal(response.status, 503);
    assert.equal((await response.json()).error.code, "log_unavailable");
    assert.ok(response.headers.has("retry-after"));
  }
  assert.equal(await codeOf(() => service.fatal), "disk_sync_failed");
  // The process is ending: the partition may have stopped already.
  assert.equal(read() ?? 1, 1);
  await app.close();
  await service.drain().catch(() => {});
  await rm(folder, { recursive: true });
});
