/**
 * WAYMARK_WORKERS processes of the service on this machine, kept running by one that does nothing else.
 *
 *   start ─► supervisor ─► worker 0 … N-1: one shared port, a private port each, one consumer group
 *              │ a worker ended          ─► begun again, later each time it ends soon
 *              │ … with exit code 2 or 3 ─► the others are drained, and so ends the supervisor
 *              └ SIGTERM, SIGINT         ─► passed on as SIGTERM; ends when all have
 *
 * A worker that dies is a dead member of its group, no more: the others take its partitions over.
 */
import { join } from "node:path";
import deno from "../../deno.json" with { type: "json" };
import type { Config } from "../config.ts";
import { WaymarkError } from "../errors.ts";
import type { Signals } from "../telemetry/signals.ts";
import { minuteMs, secondMs, systemClock } from "../time.ts";
import { freePort } from "./doors.ts";

const pauseMsMax = 30 * secondMs;
/** A worker that ran this long did not fail at its start. */
const soundMs = minuteMs;

type Ended = { worker: number; code: number };

/** Resolves to the exit code when every worker has ended. */
export async function superviseWorkers(
  config: Config,
  { signals, told, insisted }: { signals: Signals; told: Promise<void>; insisted: Promise<void> },
): Promise<number> {
  refuseWithoutPermission();
  const port = freePort(config.WAYMARK_HOST, config.WAYMARK_PORT);
  const children = new Map<number, Deno.ChildProcess>();
  const over = new AbortController();
  const refused = Promise.withResolvers<Ended>();

  async function keep(worker: number): Promise<Ended> {
    for (let pauseMs = secondMs;; pauseMs = Math.min(2 * pauseMs, pauseMsMax)) {
      const begunMs = systemClock.monotonicMs();
      const child = begin(worker, { config, port });
      children.set(worker, child);
      const { code, signal } = await child.status;
      children.delete(worker);
      if (over.signal.aborted) return { worker, code };
      signals.say(`worker ${worker} ended with ${signal ?? code}`);
      if (code === 2 || code === 3) {
        refused.resolve({ worker, code });
        return { worker, code };
      }
      if (systemClock.monotonicMs() - begunMs > soundMs) pauseMs = secondMs;
      await systemClock.sleep(pauseMs, over.signal);
      if (over.signal.aborted) return { worker, code: 0 };
    }
  }

  const kept = Array.from({ length: config.WAYMARK_WORKERS }, (_, worker) => keep(worker));
  console.log(
    `Waymark is starting ${config.WAYMARK_WORKERS} workers on http://${config.WAYMARK_HOST}:${port}/`,
  );
  const first = await Promise.race([told.then(() => null), refused.promise]);
  over.abort();
  const terminateAll = () => children.forEach(terminate);
  terminateAll();
  void insisted.then(terminateAll);
  const ended = await Promise.all(kept);
  const worst = first ?? ended.find(({ code }) => code !== 0);
  return worst?.code ?? 0;
}

function begin(
  worker: number,
  { config, port }: { config: Config; port: number },
): Deno.ChildProcess {
  // A worker may do what its supervisor may, but start others. Sharing a port is an unstable API of Deno's.
  const [run = "run", ...rest] = deno.tasks.start.split(" ").slice(1);
  const flags = [run, "--unstable-net", ...rest.filter((word) => !word.startsWith("--allow-run"))];
  const ownsClickHouse = worker === 0 || config.CLICKHOUSE_URL !== "";
  return new Deno.Command(Deno.execPath(), {
    args: [...flags, "--worker", String(worker)],
    env: {
      WAYMARK_PORT: String(port),
      WAYMARK_DATA_DIR: join(config.WAYMARK_DATA_DIR, `worker-${worker}`),
      // The embedded ClickHouse takes all partitions: one on a machine is enough.
      ...(!ownsClickHouse && { WAYMARK_CLICKHOUSE: "off", WAYMARK_CLICKHOUSE_PORT: "" }),
    },
    // Open as long as the supervisor lives: a worker that finds it closed drains by itself.
    stdin: "piped",
  }).spawn();
}

/** Drains it; the second time it exits at once. */
function terminate(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGTERM");
  } catch {
    // It has ended meanwhile.
  }
}

function refuseWithoutPermission(): void {
  const run = Deno.permissions.querySync({ name: "run", command: Deno.execPath() });
  if (run.state === "granted") return;
  throw new WaymarkError(
    "config_invalid",
    `WAYMARK_WORKERS is above 1, but this process may not start ${Deno.execPath()}; allowed: 1, or --allow-run for it`,
  );
}
