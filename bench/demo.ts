/**
 * What `npm run demo` takes: 50,000 items a minute, ClickHouse in the process, and pages that are open.
 *
 *   deno run -A bench/demo.ts [--seconds 60] [--warm 60] [--pages 3]
 *
 * CPU of the whole process, the simulated cities that send the traffic included, while clients follow the first page, the
 * pipeline's and a city's. They take what a browser would be sent, and draw nothing.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { freePorts } from "../src/commands/services/launched.ts";
import { minuteMs, secondMs, systemClock } from "../src/time.ts";
import { ask, commandLine, until } from "../tests/chaos/workers.ts";
import { cpuSeconds, peakMb } from "./process_cost.ts";
import { headerHelp } from "../tests/header_help.ts";

headerHelp(import.meta.url);

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "60" },
    warm: { type: "string", default: "60" },
    pages: { type: "string", default: "3" },
  },
});
const folder = await mkdtemp(join(tmpdir(), "waymark-demo-"));
const [port] = await freePorts(1);
const url = `http://127.0.0.1:${port}`;
const { program, args, cwd } = commandLine(["demo"]);
const child = new Deno.Command(program, {
  args,
  cwd,
  env: { WAYMARK_PORT: String(port), WAYMARK_DATA_DIR: join(folder, "data") },
  stdout: "null",
  stderr: "inherit",
}).spawn();
const followers: Deno.ChildProcess[] = [];
try {
  await until("there is a city", async () => (await citiesNow()).length > 0, minuteMs);
  const paths = ["/", "/sre", `/cities/${(await citiesNow())[0]}`];
  for (let n = 0; n < Number(values.pages); n++) followers.push(follow(paths[n % paths.length]!));
  await systemClock.sleep(Number(values.warm) * secondMs);
  const [cpuBefore, eventsBefore, startedMs] = [
    cpuSeconds(child.pid),
    await events(),
    systemClock.monotonicMs(),
  ];
  await systemClock.sleep(Number(values.seconds) * secondMs);
  const [cpu, counted, seconds] = [
    cpuSeconds(child.pid) - cpuBefore,
    await events() - eventsBefore,
    (systemClock.monotonicMs() - startedMs) / secondMs,
  ];
  const memory = peakMb(child.pid);
  console.log(
    `${cpus().length} cores, ${cpus()[0]!.model.trim()}; Deno ${Deno.version.deno}; load ${
      loadavg()[0]!.toFixed(1)
    }`,
  );
  console.log(
    `demo  ${Math.round(counted / seconds * 60).toLocaleString("en")} items a minute, ClickHouse on, ` +
      `${followers.length} pages open: ` +
      `${(100 * cpu / seconds).toFixed(1)} % of a core, ${memory} MB at most`,
  );
} finally {
  for (const follower of followers) follower.kill();
  process.kill(child.pid, "SIGTERM");
  await child.status;
  await rm(folder, { recursive: true, force: true });
}

async function citiesNow(): Promise<string[]> {
  const answer = await ask(`${url}/v1/cities`);
  return (answer?.body as { cities?: { city: string }[] } | undefined)?.cities?.map(({ city }) => city) ?? [];
}

/** Read so far, of both topics. */
async function events(): Promise<number> {
  const { total } = (await ask(`${url}/v1/ledger`))!.body as { total: Record<string, { read: number }> };
  return Object.values(total).reduce((sum, { read }) => sum + read, 0);
}

/** Takes what an open page is sent, until it is ended. */
function follow(path: string): Deno.ChildProcess {
  const args = ["--silent", "--no-buffer", "--header", "accept: text/event-stream", `${url}${path}`];
  return new Deno.Command("curl", { args, stdout: "null" }).spawn();
}
