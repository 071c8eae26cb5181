/**
 * Rides in, a page out, over the real process: killed in the middle of the page and again in the middle of its end, it
 * pages once and ends once. The receiver is one on loopback that keeps incidents by key, as PagerDuty does.
 */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { freePorts } from "../../src/commands/services/launched.ts";
import { isoTime, minuteMs, systemClock } from "../../src/time.ts";
import { eventually } from "../conformance/eventually.ts";
import { localReceiver, taken } from "../unit/alerts/local_receiver.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const routingKey = "a-routing-key-that-nobody-may-see";
const rule = "cancellation_rate_high";
const ridesAMinute = 36;

/** Rides of one minute that all end the same way. */
function ridesOf(startMs: number, minute: number, ending: "cancelled" | "completed"): string {
  const lines: string[] = [];
  for (let n = 0; n < ridesAMinute; n++) {
    const ride_id = `ride-${minute}-${n}`;
    const at = (seconds: number) => isoTime(startMs + minute * minuteMs + seconds * 1_000);
    const say = (event_type: string, seconds: number, more: object = {}) =>
      lines.push(JSON.stringify({ event_type, ride_id, timestamp: at(seconds), city: "wien", ...more }));
    say("requested", 1);
    say("accepted", 2, { driver_id: `driver-${n}` });
    if (ending === "completed") say("started", 3);
    say(ending, 50, ending === "cancelled" ? { cancelled_by: "rider" } : { fare: 9 });
  }
  return lines.join("\n");
}

describe("the service as a process, killed while it tells of an alert", () => {
  it("pages once and ends once, and keeps the key to itself", async () => {
    const folder = await mkdtemp(join(tmpdir(), "waymark-notify-"));
    const [port] = await freePorts(1) as [number];
    const url = `http://127.0.0.1:${port}`;
    const receiver = localReceiver();
    let output = "";
    let service: Deno.ChildProcess;
    let ended: Promise<unknown> = Promise.resolve();

    async function start(): Promise<void> {
      service = new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", "--no-check", "src/main.ts", "start"],
        cwd: root,
        env: {
          WAYMARK_DATA_DIR: join(folder, "data"),
          WAYMARK_PORT: String(port),
          WAYMARK_CLICKHOUSE: "off",
          WAYMARK_IDLE_MS: "1000",
          WAYMARK_PAGERDUTY_KEY: routingKey,
          WAYMARK_PAGERDUTY_URL: receiver.url,
        },
        stdin: "null",
        stdout: "null",
        stderr: "piped",
      }).spawn();
      ended = service.stderr.pipeThrough(new TextDecoderStream())
        .pipeTo(new WritableStream({ write: (text) => void (output += text) }));
      await eventually(
        "the service is ready",
        () => fetch(`${url}/readyz`).then(async (r) => (await r.body?.cancel(), r.ok), () => false),
        60_000,
      );
    }
    async function post(
      minutes: [from: number, to: number],
      ending: "cancelled" | "completed",
    ): Promise<void> {
      for (let minute = minutes[0]; minute < minutes[1]; minute++) {
        // Killed in between, it is posted again: repeating is safe.
        await eventually("the minute is taken", () => postOnce(ridesOf(startMs, minute, ending)), 60_000);
      }
    }
    const postOnce = (body: string) =>
      fetch(`${url}/v1/events`, {
        method: "POST",
        headers: { "content-type": "application/x-ndjson" },
        body,
      }).then(async (response) => (await response.body?.cancel(), response.status === 202), () => false);

    /** Kills the process at the first message of the kind, before it has its answer, and begins another one. */
    async function killedAt(action: string): Promise<void> {
      const met = Promise.withResolvers<void>();
      receiver.answer = async ({ body }) => {
        if (body.event_action === action && String(body.dedup_key).includes(rule)) {
          receiver.answer = taken;
          service.kill("SIGKILL");
          await service.status;
          met.resolve();
        }
        return taken();
      };
      await Promise.race([
        met.promise,
        systemClock.sleep(60_000).then(() => assert.fail(`no ${action} within a minute`)),
      ]);
      await start();
    }
    const told = (action: string) =>
      receiver.heard.filter(({ body }) =>
        body.event_action === action && String(body.dedup_key).includes(rule)
      );

    const startMs = Math.floor(systemClock.nowMs() / minuteMs) * minuteMs - 50 * minuteMs;
    try {
      await start();
      const firstKill = killedAt("trigger");
      await post([0, 16], "cancelled");
      await firstKill;
      await eventually("the next process repeats the page", () => told("trigger").length === 2, 60_000);
      const secondKill = killedAt("resolve");
      await post([16, 45], "completed");
      await secondKill;
      await eventually("the next process repeats the end", () => told("resolve").length === 2, 60_000);
      const incidents = [...receiver.open].filter((key) => key.includes(rule));
      assert.deepEqual(incidents, []);
      assert.equal(told("trigger").length, 2);
      const shown = await (await fetch(`${url}/v1/alerts`)).json();
      const alert = shown.recent.find((one: { rule: string }) => one.rule === rule);
      assert.equal(alert.deliveries[0].receiver, "pagerduty");
      const log = await readFile(join(folder, "data", "log.db"));
      assert.ok(!log.includes(routingKey), "the key is not in the log");
    } finally {
      service!.kill("SIGTERM");
      await service!.status;
      await ended;
      await receiver.close();
      await rm(folder, { recursive: true });
    }
    assert.ok(!output.includes(routingKey), "the key is not in the messages");
  });
});
