/**
 * The service as a person starts it, before a real Chromium: events posted over HTTP become an alert and a partition
 * that stands still, the process is killed and started again, and the open page goes on.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { Browser } from "playwright-core";
import { freePorts } from "../../src/commands/services/launched.ts";
import { utf8 } from "../../src/ids.ts";
import { partitionOf } from "../../src/log/partitioner.ts";
import { hourMs, isoTime, minuteMs, secondMs, systemClock } from "../../src/time.ts";
import { eventually } from "../conformance/eventually.ts";
import { launchChromium, openPage, textOf, untilLive } from "./browser.ts";

const look = { size: [1280, 800], scheme: "dark" } as const;
const partitions = 2;
let browser: Browser;
let folder: string;
let service: Service;

type Service = { url: string; kill(): Promise<void> };

/** `port` 0 takes a free one. */
async function start(port: number): Promise<Service> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-check", "--allow-all", "src/main.ts", "start"],
    clearEnv: true,
    env: {
      // Embedded, whatever services the other suites have.
      ...Object.fromEntries(
        Object.entries(Deno.env.toObject()).filter(([name]) => ["PATH", "HOME", "DENO_DIR"].includes(name)),
      ),
      WAYMARK_PORT: `${port}`,
      WAYMARK_DATA_DIR: join(folder, "data"),
      WAYMARK_CLICKHOUSE: "off",
      WAYMARK_PARTITIONS: `ride-events=${partitions},driver-locations=1,city-partials=1`,
      // A source that goes silent is never taken for idle here: it holds the watermark.
      WAYMARK_IDLE_MS: `${hourMs}`,
      WAYMARK_SNAPSHOT_MS: "1000",
      NO_COLOR: "1",
    },
    stdout: "piped",
    stderr: "null",
  }).spawn();
  let said = "";
  const reading = (async () => {
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) said += text;
  })();
  await eventually("the service listens", () => /listening on (\S+)/.test(said), 180_000);
  return {
    url: /listening on (\S+)\//.exec(said)![1]!,
    async kill() {
      child.kill("SIGKILL");
      await child.status;
      await reading;
    },
  };
}

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "waymark-browser-"));
  const [port] = await freePorts(1) as [number];
  [browser, service] = await Promise.all([launchChromium(), start(port)]);
});
after(async () => {
  await browser.close();
  await service.kill();
  await rm(folder, { recursive: true, force: true });
});

/** Rides of one minute, of which six in ten are cancelled, on the given partition. */
function ridesAt(atMs: number, partition: number): unknown[] {
  const ids = Array.from({ length: 200 }, (_, i) => `ride-${partition}-${atMs}-${i}`)
    .filter((id) => partitionOf("murmur2", utf8(id), partitions) === partition).slice(0, 20);
  return ids.flatMap((ride_id, i) => {
    const event = (event_type: string, s: number, more: Record<string, unknown> = {}) => ({
      event_type,
      ride_id,
      city: "bratislava",
      timestamp: isoTime(atMs + s * secondMs),
      user_id: `user-${i}`,
      ...more,
    });
    const end = i % 10 < 6
      ? event("cancelled", 40, { cancelled_by: "driver", reason: "too_far" })
      : event("completed", 50, { fare: 9.5 });
    return [event("requested", 0), event("accepted", 20, { driver_id: `driver-${i}` }), end];
  });
}

async function post(events: unknown[]): Promise<void> {
  const response = await fetch(`${service.url}/v1/events`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(events),
  });
  assert.equal(response.status, 202, await response.text());
}

describe("the service before a browser", () => {
  it("fills, shows an alert and who holds the watermark, and survives a kill", async () => {
    const watched = await openPage(browser, service.url, look);
    const { page } = watched;
    const shows = (selector: string, said: RegExp, deadlineMs = 30_000) =>
      eventually(
        `${selector} shows ${said}`,
        async () => said.test(await textOf(page, selector)),
        deadlineMs,
      );
    await untilLive(watched);
    await shows("#empty", /No city has sent anything yet/);

    const nowMs = Math.floor(systemClock.nowMs() / minuteMs) * minuteMs;
    for (let minute = -18; minute <= -1; minute++) {
      const atMs = nowMs + minute * minuteMs;
      // The second partition's producers fall silent five minutes ago.
      await post([...ridesAt(atMs, 0), ...(minute < -5 ? ridesAt(atMs, 1) : [])]);
    }
    await shows('[data-key="bratislava"] .c-state', /firing since/);
    await shows("#headline", /behind, held by ride-events\/1/);
    assert.match(await page.title(), /^\(1 firing\)/);

    const pipeline = await openPage(browser, `${service.url}/sre`, look);
    await eventually(
      "the verdict names the partition",
      async () =>
        /ride-events\/1 holds the watermark back/.test(await textOf(pipeline.page, ".verdict.is-fault")),
    );
    await pipeline.close();

    const { port } = new URL(service.url);
    await service.kill();
    await shows("#lost", /Connection lost/);
    service = await start(Number(port));
    await untilLive(watched);
    await shows('[data-key="bratislava"] .c-state', /firing since/);
    assert.equal(await page.locator("#lost").isVisible(), false);

    // Not by the turn of a minute: two minutes later the partition holds the watermark again.
    const newestMs = systemClock.nowMs() - minuteMs;
    await post([...ridesAt(newestMs, 0), ...ridesAt(newestMs, 1)]);
    await eventually(
      "nothing is held any more",
      async () => !/held by/.test(await textOf(page, "#headline")),
    );

    await page.locator('[data-key="bratislava"] a.line').click();
    await shows(".t-cancelled tbody", /too far/);
    await page.locator(".t-cancelled tbody a.line").first().click();
    await shows(".t-events tbody", /requested[\s\S]*accepted[\s\S]*cancelled/);
    await page.locator(".t-events tbody tr:first-child .c-record a").click();
    await shows("pre", /"event_type": "requested"/);
    assert.deepEqual(watched.strangers, []);
    await watched.close();
  });
});
