/** The service as a process: what it answered 202 is counted once, whatever signal ends it, and a drain ends with 0. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { freePorts } from "../../src/commands/services/launched.ts";
import { systemClock } from "../../src/time.ts";
import { eventually } from "../conformance/eventually.ts";

/** Until a process has begun, or has done what it was sent, beside three others on two cores. */
const patienceMs = 180_000;

const root = fileURLToPath(new URL("../..", import.meta.url));

function start(dataDir: string, port: number): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "src/main.ts", "start"],
    cwd: root,
    env: { WAYMARK_DATA_DIR: dataDir, WAYMARK_PORT: String(port), WAYMARK_CLICKHOUSE: "off" },
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
}

async function ready(url: string): Promise<void> {
  await eventually(
    "the service is ready",
    () => fetch(`${url}/readyz`).then(async (r) => (await r.body?.cancel(), r.ok), () => false),
    patienceMs,
  );
}

async function post(url: string, from: number, count: number): Promise<number> {
  const lines = Array.from({ length: count }, (_, n) =>
    JSON.stringify({
      event_type: "requested",
      ride_id: `ride-${from + n}`,
      event_id: `event-${from + n}`,
      city: "wien",
      timestamp: new Date(systemClock.nowMs()).toISOString(),
    }));
  const response = await fetch(`${url}/v1/events`, {
    method: "POST",
    headers: { "content-type": "application/x-ndjson" },
    body: lines.join("\n"),
  });
  assert.equal(response.status, 202);
  return (await response.json()).accepted;
}

async function rides(url: string): Promise<{ counted: number; duplicates: number; read: number }> {
  const ledger = await (await fetch(`${url}/v1/ledger`)).json();
  assert.equal(ledger.balanced, true);
  return ledger.total["ride-events"];
}

async function refusal(
  args: string[],
  env: Record<string, string> = {},
): Promise<{ code: number; text: string }> {
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "src/main.ts", ...args],
    cwd: root,
    env: { NO_COLOR: "1", ...env },
    stdout: "null",
    stderr: "piped",
  }).output();
  return { code, text: new TextDecoder().decode(stderr) };
}

describe("waymark, when it cannot do what it is told", () => {
  it("names the port that another program listens on, and leaves no data directory", async () => {
    const taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const folder = await mkdtemp(join(tmpdir(), "waymark-service-"));
    const dataDir = join(folder, "data");
    const { port } = taken.addr as Deno.NetAddr;
    const { code, text } = await refusal(["start"], {
      WAYMARK_PORT: String(port),
      WAYMARK_DATA_DIR: dataDir,
    });
    taken.close();
    assert.equal(code, 2);
    assert.match(text, new RegExp(`cannot listen on 127\\.0\\.0\\.1:${port}: another program listens there`));
    await assert.rejects(Deno.stat(dataDir), Deno.errors.NotFound);
    await rm(folder, { recursive: true });
  });

  it("says that a file is no recording instead of replaying nothing", async () => {
    const { code, text } = await refusal(["replay", "README.md"]);
    assert.equal(code, 2);
    assert.match(text, /nothing in .*README\.md is an event of the format jsonl/);
  });
});

describe("the service as a process", () => {
  it("counts what it answered for once, through kill -9 and a drain, and ends a drain with 0", async () => {
    const dataDir = await mkdtemp(join(tmpdir(), "waymark-service-"));
    const [port] = await freePorts(1) as [number];
    const url = `http://127.0.0.1:${port}`;
    let service = start(dataDir, port);
    try {
      await ready(url);
      assert.equal(await post(url, 0, 500), 500);
      service.kill("SIGKILL");
      await service.status;

      service = start(dataDir, port);
      await ready(url);
      assert.equal(await post(url, 0, 500), 500);
      assert.equal(await post(url, 500, 100), 100);
      await eventually("everything is read", async () => (await rides(url)).read === 1_100, patienceMs);
      service.kill("SIGTERM");
      assert.equal((await service.status).code, 0);

      service = start(dataDir, port);
      await ready(url);
      await eventually("everything is there", async () => (await rides(url)).read === 1_100, patienceMs);
      const { counted, duplicates } = await rides(url);
      assert.deepEqual({ counted, duplicates }, { counted: 600, duplicates: 500 });
      const ride = await (await fetch(`${url}/v1/rides/ride-7`)).json();
      assert.deepEqual([ride.state, ride.city, ride.refused?.code], ["requested", "wien", "duplicate"]);
    } finally {
      // It may have ended by itself when the test failed.
      await Promise.resolve().then(() => service.kill("SIGKILL")).catch(() => {});
      await service.status;
      await rm(dataDir, { recursive: true, force: true });
    }
  });
});
