/**
 * From the doubling of demand to a surge that people see: the demo with a concert, on the wall clock, from outside.
 *
 *   deno run -A bench/concert.ts [--city bratislava] [--factor 2] [--after 12m] [--minutes 6] [--rate 50000/min]
 *
 * Two streams of one process are listened to: the windows (`/v1/stream`) and the city's page, as a browser does.
 *   provisional  the first update that says more than the last final surge, and when the page showed it; wanted: 2 s
 *                after the update. How far behind the slowest partition of rides was: some wait seconds for an event
 *   final        the first boundary after the doubling whose surge is higher, and when the page showed it; wanted: the
 *                boundary, the watermark delay and 2 s
 * Sender, service and listener share the machine. The demo needs some minutes until its surge is that of its city.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { fileURLToPath } from "node:url";
import type { CityWindow } from "../schemas/city_window.ts";
import { freePorts } from "../src/commands/services/launched.ts";
import { readConfig } from "../src/config.ts";
import { isoTime, minuteMs, secondMs, systemClock } from "../src/time.ts";
import { eventually } from "../tests/conformance/eventually.ts";
import { headerHelp } from "../tests/header_help.ts";

headerHelp(import.meta.url);

const { values } = parseArgs({
  options: {
    city: { type: "string", default: "bratislava" },
    factor: { type: "string", default: "2" },
    after: { type: "string", default: "12m" },
    minutes: { type: "string", default: "6" },
    rate: { type: "string", default: "50000/min" },
  },
});
const { city } = values;
const delayMs = readConfig({}).WAYMARK_WATERMARK_DELAY_MS;
const root = fileURLToPath(new URL("..", import.meta.url));

/** Final and provisional surge as the page says them. */
type Shown = { atMs: number; final: number; provisional: number };
type Arrived = { atMs: number; window: CityWindow };

const folder = await mkdtemp(join(tmpdir(), "waymark-bench-"));
const [port] = await freePorts(1) as [number];
const url = `http://127.0.0.1:${port}`;
const demo = new Deno.Command(Deno.execPath(), {
  args: [
    ...[
      "run",
      "--no-prompt",
      "--no-check",
      "-A",
      "src/main.ts",
      "demo",
      "--rate",
      values.rate,
      "--seed",
      "1",
    ],
    ...["--scenario", "concert", "--scenario-city", city, "--scenario-factor", values.factor],
    ...["--scenario-after", values.after, "--scenario-for", "30m"],
  ],
  cwd: root,
  env: {
    ...{ WAYMARK_PORT: String(port), WAYMARK_DATA_DIR: join(folder, "data"), NO_COLOR: "1" },
  },
  stdin: "null",
  stdout: "piped",
  stderr: "null",
}).spawn();
const listening = new AbortController();
try {
  await run();
} finally {
  listening.abort();
  demo.kill("SIGKILL");
  await demo.status;
  await rm(folder, { recursive: true, force: true });
}

async function run(): Promise<void> {
  const { model } = cpus()[0]!;
  const load = Deno.loadavg()[0]!.toFixed(1);
  console.log(
    `${cpus().length} cores, ${model.trim()}, load ${load}; Deno ${Deno.version.deno}; ${values.rate}`,
  );
  const doubledMs = await announced(demo.stdout);
  console.log(`${values.factor} times the requests in ${city} from ${isoTime(doubledMs)}`);
  const answers = () => fetch(`${url}/readyz`).then(async (r) => (await r.body?.cancel(), r.ok), () => false);
  await eventually("the service is ready", answers, minuteMs);
  const [windows, shown]: [Arrived[], Shown[]] = [[], []];
  void listen(`${url}/v1/stream`, (event, data) => {
    const window = data as CityWindow;
    if (event === "window" && window.city === city) windows.push({ atMs: systemClock.nowMs(), window });
  });
  void listen(`${url}/cities/${city}`, (_, data) => {
    const [, final, provisional] = /final ([\d.]+)[^,]*, provisional ([\d.]+)/.exec(JSON.stringify(data)) ??
      [];
    if (provisional === undefined) return;
    shown.push({ atMs: systemClock.nowMs(), final: Number(final), provisional: Number(provisional) });
  });
  const untilMs = doubledMs + Number(values.minutes) * minuteMs;
  await systemClock.sleep(doubledMs - systemClock.nowMs());
  const before = newestFinal(windows, doubledMs)?.surge;
  if (before == null) {
    throw new Error(`no final surge of ${city} before the doubling: wanted a longer --after`);
  }
  console.log(`surge before: ${before.toFixed(1)}`);
  const page = (kind: "final" | "provisional") => shown.find((s) => s.atMs > doubledMs && s[kind] > before);
  while (systemClock.nowMs() < untilMs && page("final") === undefined) await systemClock.sleep(200);
  const after = ({ window }: Arrived) => Date.parse(window.window_end) > doubledMs;
  tellProvisional(
    windows.find((w) => after(w) && (w.window.surge_provisional ?? 0) > before),
    page("provisional"),
    doubledMs,
  );
  tellFinal(finals(windows).find((w) => after(w) && w.window.surge! > before), page("final"), doubledMs);
}

/** Late events revise windows: the newest is not the last that came. */
function newestFinal(windows: readonly Arrived[], untilMs: number): CityWindow | undefined {
  return finals(windows).map(({ window }) => window)
    .filter((window) => Date.parse(window.window_end) <= untilMs)
    .sort((a, b) => Date.parse(b.window_end) - Date.parse(a.window_end))[0];
}

function finals(windows: readonly Arrived[]): Arrived[] {
  return windows.filter(({ window }) => window.surge !== null);
}

function tellProvisional(update: Arrived | undefined, page: Shown | undefined, doubledMs: number): void {
  if (update === undefined || page === undefined) return console.log("provisional: not seen");
  const { window, atMs } = update;
  const reachedMs = Date.parse(window.watermark!) + delayMs;
  const shownAfter = seconds(page.atMs - doubledMs);
  console.log(
    `provisional ${page.provisional.toFixed(1)}: on the page ${shownAfter} after the doubling, ` +
      `${seconds(page.atMs - atMs)} after its update (wanted: 2 s), ` +
      `when the slowest partition was ${seconds(atMs - reachedMs)} behind`,
  );
}

function tellFinal(closed: Arrived | undefined, page: Shown | undefined, doubledMs: number): void {
  if (closed === undefined || page === undefined) return console.log("final: not seen");
  const boundaryMs = Date.parse(closed.window.window_end);
  const [shownAfter, lateBy] = [page.atMs - doubledMs, page.atMs - boundaryMs - delayMs].map(seconds);
  console.log(
    `final ${page.final.toFixed(1)}: on the page ${shownAfter} after the doubling; its boundary is ` +
      `${
        isoTime(boundaryMs).slice(11, 19)
      }, shown ${lateBy} after boundary and watermark delay (wanted: 2 s)`,
  );
}

function seconds(ms: number): string {
  return `${(ms / secondMs).toFixed(1)} s`;
}

/** When the scenario begins, as the demo says. */
async function announced(stdout: ReadableStream<Uint8Array>): Promise<number> {
  const begun = Promise.withResolvers<number>();
  void (async () => {
    let text = "";
    for await (const piece of stdout.pipeThrough(new TextDecoderStream())) {
      text = (text + piece).slice(-10_000);
      const from = /^Scenario concert: .* from (\S+Z) to/m.exec(text)?.[1];
      if (from !== undefined) begun.resolve(Date.parse(from));
    }
    begun.reject(new Error("the demo ended before it announced its scenario"));
  })().catch(begun.reject);
  return await begun.promise;
}

/** Server-sent events until the end of the run. */
async function listen(address: string, told: (event: string, data: unknown) => void): Promise<void> {
  while (!listening.signal.aborted) {
    try {
      const headers = { accept: "text/event-stream" };
      const response = await fetch(address, { headers, signal: listening.signal });
      let text = "";
      for await (const piece of response.body!.pipeThrough(new TextDecoderStream())) {
        const events = (text + piece).split("\n\n");
        text = events.pop()!;
        for (const message of events) {
          const [, event] = /^event: (.*)$/m.exec(message) ?? [];
          const [, data] = /^data: (.*)$/m.exec(message) ?? [];
          if (event !== undefined && data !== undefined) told(event, JSON.parse(data));
        }
      }
    } catch {
      if (listening.signal.aborted) return;
    }
    await systemClock.sleep(secondMs, listening.signal);
  }
}
