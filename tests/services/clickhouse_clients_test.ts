/**
 * The door to the embedded ClickHouse under clients that are not ours: clickhouse-connect from PyPI, unmodified, in
 * an environment of its own. Needs python3 with venv, and a package index.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { openDoor } from "../../src/clickhouse_door/door.ts";
import { openEmbedded } from "../../src/sinks/analytics.ts";
import { applyMigrations } from "../../src/sinks/migrations.ts";
import { systemClock } from "../../src/time.ts";

const run = promisify(execFile);
const client = "clickhouse-connect==1.12.0";
const rowCount = 70_000;

it("clickhouse-connect: rows, parameters, streams, settings, refusals", async () => {
  const folder = await mkdtemp(join(tmpdir(), "waymark-clients-"));
  const python = join(folder, "venv", "bin", "python");
  await run("python3", ["-m", "venv", join(folder, "venv")]);
  await run(python, ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", client]);
  const path = join(folder, "clickhouse");
  const analytics = openEmbedded({ path });
  await applyMigrations(analytics);
  await analytics.command("CREATE TABLE rides (n UInt64, city String) ENGINE = MergeTree ORDER BY n");
  const lines = Array.from(
    { length: rowCount },
    (_, n) => JSON.stringify([n, n % 2 === 0 ? "graz" : "linz"]),
  );
  await analytics.insert({ table: "rides", columns: ["n", "city"] }, lines, { token: "1" });
  const keys = ["read-key-0123456789"];
  const door = await openDoor({
    path,
    host: "127.0.0.1",
    port: 0,
    access: "read",
    keys,
    clock: systemClock,
  });
  try {
    const script = fileURLToPath(new URL("./clickhouse_connect_client.py", import.meta.url));
    const { stdout } = await run(python, [script, String(door.port), keys[0]!]);
    assert.deepEqual(JSON.parse(stdout), {
      rows: [[0, "graz"], [1, "linz"], [2, "graz"]],
      text: "it's\t\\ ž",
      count: rowCount,
      streamed: rowCount,
      nullable: [null, [1, 2], "1.25"],
      setting: 5,
      exists: 1,
      create: "164",
      drop: "164",
      file: "164",
      unknown: "60",
      stranger: "516",
    });
  } finally {
    await door.stop();
    await analytics.close();
    await rm(folder, { recursive: true });
  }
});
