/**
 * One more process, with log, snapshots and ClickHouse in its own data directory, on a disk that becomes full: it may
 * refuse what comes meanwhile, and must count everything that it took, before, meanwhile and afterwards, once.
 */
import assert from "node:assert/strict";
import { cp } from "node:fs/promises";
import { join } from "node:path";
import type { LedgerAnswer, PartitionsAnswer } from "../../schemas/http.ts";
import { readConfig } from "../../src/config.ts";
import { messageOf } from "../../src/errors.ts";
import { fromUtf8 } from "../../src/ids.ts";
import { openSqliteLog } from "../../src/log/sqlite.ts";
import { clickHousePath } from "../../src/node/parts.ts";
import { namingOf } from "../../src/node/pipeline.ts";
import { openEmbedded } from "../../src/sinks/analytics.ts";
import { isoTime, systemClock } from "../../src/time.ts";
import { type Disk, mountDisk } from "./disks.ts";
import { ledgerIsExact, readLeft, tablesAreExact, windowsAreExact } from "./verdicts.ts";
import { answerOf, ask, makeWorkers, until, type Worker } from "./workers.ts";

export type Embedded = {
  disk: Disk | string;
  worker: Worker;
  /** Until something was refused, or taken, from now on. */
  refuses(): Promise<void>;
  takes(): Promise<void>;
  /** Posts nothing any more. */
  rest(): Promise<void>;
  /** Drains the process, which is at rest, and counts what is in its data directory. */
  judge(): Promise<string>;
  /** Kills it where it was not judged. */
  close(): Promise<void>;
};

const postEveryMs = 20;
const stepsOfRide = ["requested", "accepted", "started", "completed"];

export async function startEmbedded(folder: string): Promise<Embedded> {
  const data = join(folder, "data");
  const disk = await mountDisk(data);
  const variables = { WAYMARK_DATA_DIR: data, WAYMARK_INSERT_MS: "1000" };
  const [worker] = await makeWorkers(1, { folder, variables }) as [Worker];
  const over = new AbortController();
  const taken: { ride: string; state: string }[] = [];
  let refused = 0;
  let newestMs = 0;
  worker.start();
  const posting = post();

  async function post(): Promise<void> {
    for (let n = 0; !over.signal.aborted; n++) {
      const [ride, state] = [
        `disk-${Math.floor(n / stepsOfRide.length)}`,
        stepsOfRide[n % stepsOfRide.length]!,
      ];
      newestMs = systemClock.nowMs();
      const event = {
        ...{ event_type: state, ride_id: ride, event_id: `${ride}-${state}`, city: "diskville" },
        ...{ timestamp: isoTime(newestMs), user_id: `rider-${ride}`, driver_id: "disk-driver" },
        ...(state === "completed" && { fare: 10 }),
      };
      // The same one until it is taken: what was refused may be there all the same, and counts once.
      while (!over.signal.aborted) {
        const answer = await ask(`${worker.url}/v1/events`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify(event),
        });
        if (answer?.status === 202) {
          taken.push({ ride, state });
          break;
        }
        refused++;
        await systemClock.sleep(10 * postEveryMs, over.signal);
      }
      await systemClock.sleep(postEveryMs, over.signal);
    }
  }

  async function stopPosting(): Promise<void> {
    over.abort();
    await posting;
  }

  const sink = async () =>
    ((await ask(`${worker.url}/v1/partitions`))?.body as PartitionsAnswer | undefined)?.sink;

  const more = async (what: string, count: () => number) => {
    const before = count();
    await until(what, async () => count() > before, 180_000);
  };

  return {
    disk,
    worker,
    refuses: () => more("the full disk is refused", () => refused),
    takes: () => more("events are taken again", () => taken.length),
    rest: stopPosting,
    async judge() {
      await until("every window is closed", async () => {
        const cities = await ask(`${worker.url}/v1/cities`);
        const all = (cities?.body as { watermarks?: { all: string | null } } | undefined)?.watermarks?.all;
        return all != null && Date.parse(all) > newestMs;
      }, 120_000);
      await until("ClickHouse has everything", async () => {
        const view = await sink();
        return view?.state === "running" && view.lag_records === 0;
      }, 120_000).catch(async (error) => {
        throw new Error(`${messageOf(error)}: ${JSON.stringify(await sink())}`);
      });
      const ledger = (await answerOf(`${worker.url}/v1/ledger`)).body as LedgerAnswer;
      worker.signal("SIGTERM");
      await until("the process has drained", async () => !worker.running(), 40_000);
      assert.deepEqual(worker.endings, ["0"], worker.lastWords());
      try {
        return await counted(data, { taken, ledger }) + `, ${refused} refusals`;
      } catch (error) {
        // The disk is memory, and goes with the process.
        await cp(data, join(folder, "kept"), { recursive: true });
        throw error;
      }
    },
    async close() {
      await stopPosting();
      worker.signal("SIGKILL");
      await until("it is gone", async () => !worker.running(), 10_000);
      if (typeof disk !== "string") await disk.unmount();
    },
  };
}

async function counted(
  data: string,
  { taken, ledger }: { taken: { ride: string; state: string }[]; ledger: LedgerAnswer },
): Promise<string> {
  const naming = namingOf(readConfig({}));
  const log = openSqliteLog({ path: join(data, "log.db"), clock: systemClock, fsync: false });
  const analytics = openEmbedded({ path: clickHousePath(data) });
  try {
    const there = new Set<string>();
    const left = await readLeft(log, naming, ({ value }) => {
      const event = JSON.parse(fromUtf8(value)) as { ride_id: string; event_type: string };
      there.add(`${event.ride_id} ${event.event_type}`);
    });
    const lost = taken.filter(({ ride, state }) => !there.has(`${ride} ${state}`));
    assert.deepEqual(lost, [], "taken with 202 and not in the log");
    const windows = await windowsAreExact(log, naming, left, "open");
    await ledgerIsExact(log, naming, { left, ledger });
    return `${windows}, ${await tablesAreExact(log, naming, analytics)}, ${taken.length} events taken`;
  } finally {
    await analytics.close();
    await log.close();
  }
}
