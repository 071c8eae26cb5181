/**
 * Fault row 23 on real processes: one that comes to its heap's limit is ended by the runtime. Its metrics tell before,
 * and the next one goes on and ends with what a batch program counts.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import type { LedgerAnswer } from "../../schemas/http.ts";
import type { CityWindowsAnswer } from "../../schemas/http_answers.ts";
import { readConfig } from "../../src/config.ts";
import { freePorts } from "../../src/commands/services/launched.ts";
import { openSqliteLog } from "../../src/log/sqlite.ts";
import { namingOf } from "../../src/node/pipeline.ts";
import { isoTime, minuteMs, systemClock } from "../../src/time.ts";
import { ledgerIsExact, readLeft, windowsAreExact } from "../chaos/verdicts.ts";
import { commandLine } from "../chaos/workers.ts";
import { eventually } from "../conformance/eventually.ts";

/** MiB: what the service needs at rest, and a little. New space is small beside it, as it is beside the usual 4 GiB. */
const heapFlags = "--max-old-space-size=64,--max-semi-space-size=1";
/** Cities are on the heap; rides and drivers are not. Each driver is in a town of its own. */
const driversPerRound = 1_000;
const ridesPerRound = 100;
/** Until a process has begun, or has done what it was sent. */
const patienceMs = 180_000;
/** Some 60 to 210 end it: how long it lives on near its limit is the collector's affair. */
const roundsMax = 1_000;
const cities = ["graz", "linz", "wien"];

type Round = readonly [
  rides: readonly [route: string, items: object[]],
  drivers: readonly [route: string, items: object[]],
];

type Service = { url: string; child: Deno.ChildProcess; said: Promise<string> };

async function start(dataDir: string, more: Record<string, string> = {}): Promise<Service> {
  const [port] = await freePorts(1);
  const { program, args, cwd } = commandLine(["start"]);
  const child = new Deno.Command(program, {
    ...{ args, cwd, stdin: "null", stdout: "null", stderr: "piped" },
    env: {
      ...{ WAYMARK_DATA_DIR: dataDir, WAYMARK_PORT: String(port), WAYMARK_CLICKHOUSE: "off" },
      ...{ WAYMARK_SNAPSHOT_MS: "1000", NO_COLOR: "1", ...more },
    },
  }).spawn();
  const url = `http://127.0.0.1:${port}`;
  const said = new Response(child.stderr).text();
  const isReady = () => fetch(`${url}/readyz`).then(async (r) => (await r.body?.cancel(), r.ok), () => false);
  await eventually("the service is ready", isReady, patienceMs);
  return { url, child, said };
}

/** Events of each window, by city and start: five minutes, sliding by one. */
function toldBy(rounds: readonly Round[]): Map<string, number> {
  const told = new Map<string, number>();
  for (const [[, rides]] of rounds) {
    for (const { city, timestamp } of rides as { city: string; timestamp: string }[]) {
      const minute = Math.floor(Date.parse(timestamp) / minuteMs);
      for (let start = minute - 4; start <= minute; start++) {
        const window = `${city} ${isoTime(start * minuteMs)}`;
        told.set(window, (told.get(window) ?? 0) + 1);
      }
    }
  }
  return told;
}

/** What one producer sends in one go: a request for each of its rides, and where its drivers are. */
function roundOf(n: number): Round {
  const timestamp = isoTime(systemClock.nowMs());
  const rides = Array.from({ length: ridesPerRound }, (_, i) => ({
    ...{ event_type: "requested", ride_id: `ride-${n}-${i}`, event_id: `event-${n}-${i}`, timestamp },
    ...{ city: cities[i % 3]!, user_id: `rider-${i}`, estimated_fare: 8.5 },
  }));
  const drivers = Array.from({ length: driversPerRound }, (_, i) => ({
    ...{ driver_id: `driver-${n}-${i}`, event_id: `point-${n}-${i}`, timestamp, city: `town ${n} ${i}` },
    ...{ lat: 48.1 + i / 1e5, lng: 17.1 + n / 1e4, status: "available", speed_kmh: 30 },
  }));
  return [["/v1/events", rides], ["/v1/locations", drivers]];
}

/** False when nobody answered that it was taken: it may be in the log all the same. */
async function send(url: string, round: Round): Promise<boolean> {
  for (const [route, items] of round) {
    try {
      const response = await fetch(`${url}${route}`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(items),
        signal: AbortSignal.timeout(20_000),
      });
      const { accepted } = await response.json();
      if (response.status !== 202 || accepted !== items.length) return false;
    } catch {
      return false;
    }
  }
  return true;
}

/** Of the heap's limit; null when nobody answers. */
async function heapShare(url: string): Promise<number | null> {
  try {
    const text = await (await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(20_000) })).text();
    const figure = (name: string) => Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)![1]);
    return figure("process_heap_bytes") / figure("waymark_heap_limit_bytes");
  } catch {
    return null;
  }
}

describe("row 23: a process at its heap's limit", () => {
  it("says so in its metrics, is ended, and the next one goes on and counts everything once", async () => {
    const dataDir = await mkdtemp(join(tmpdir(), "waymark-heap-"));
    let service = await start(dataDir, { DENO_V8_FLAGS: heapFlags });
    try {
      const rounds: Round[] = [];
      const shares: number[] = [];
      let isOver = false;
      void service.child.status.then(() => isOver = true);
      while (!isOver) {
        assert.ok(rounds.length < roundsMax, `it is not ended; shares of the limit were ${shares}`);
        const round = roundOf(rounds.length);
        rounds.push(round);
        // One that lives on and is slow is sent it again: events have ids.
        while (!await send(service.url, round) && !isOver) await systemClock.sleep(100);
        const share = await heapShare(service.url);
        if (share !== null) shares.push(share);
      }
      const { code, signal } = await service.child.status;
      assert.ok(code !== 0 && signal !== null, `ended with ${signal ?? code}`);
      assert.match(await service.said, /heap limit|out of memory/i);
      assert.ok(Math.max(...shares) > 0.8, `the alarm's threshold was not passed before: ${shares}`);

      service = await start(dataDir);
      const { url, child } = service;
      // Whoever got no answer sends again: this was counted, or it was not.
      assert.ok(await send(url, rounds.at(-1)!));
      const more = roundOf(rounds.length);
      assert.ok(await send(url, more));
      const ledger = async () => await (await fetch(`${url}/v1/ledger`)).json() as LedgerAnswer;
      const sent = rounds.length + 1;
      await eventually("everything is counted", async () => {
        const { total } = await ledger();
        return total["ride-events"]?.counted === sent * ridesPerRound &&
          total["driver-locations"]?.counted === sent * driversPerRound;
      }, patienceMs);
      const last = await ledger();
      // Of open windows those that end next, or before: the others are told when they do.
      const nextMs =
        (Math.floor(Date.parse((more[0][1] as { timestamp: string }[])[0]!.timestamp) / minuteMs) + 1) *
        minuteMs;
      const told = [...toldBy([...rounds, more])].filter(([window]) =>
        Date.parse(window.slice(window.lastIndexOf(" ") + 1)) + 5 * minuteMs <= nextMs
      );
      assert.ok(told.length >= cities.length, `${told.length} windows`);
      await eventually("every window is told", async () => {
        const found = new Map<string, number>();
        for (const city of cities) {
          const answer = await (await fetch(`${url}/v1/cities/${city}/windows`)).json() as CityWindowsAnswer;
          for (const w of answer.windows) found.set(`${city} ${w.window_start}`, w.total_events);
        }
        return told.every(([window, events]) => found.get(window) === events);
      }, patienceMs);
      child.kill("SIGTERM");
      assert.equal((await child.status).code, 0);

      const log = openSqliteLog({ path: join(dataDir, "log.db"), clock: systemClock, fsync: false });
      try {
        const naming = namingOf(readConfig({}));
        const left = await readLeft(log, naming);
        assert.equal(left.counted.ledger.distinct, sent * ridesPerRound);
        await windowsAreExact(log, naming, left, "open");
        await ledgerIsExact(log, naming, { left, ledger: last });
      } finally {
        await log.close();
      }
    } finally {
      // It may have ended by itself.
      await Promise.resolve().then(() => service.child.kill("SIGKILL")).catch(() => {});
      await service.child.status;
      await rm(dataDir, { recursive: true, force: true });
    }
  });
});
