/**
 * A recorded file through the real pipeline on embedded parts, to its end.
 *
 *   file ─► feed, held back where the folds fall behind ─► folded to the end ─► what is asked of it ─► drained
 */
import { stat } from "node:fs/promises";
import type { Config } from "../config.ts";
import { messageOf, WaymarkError } from "../errors.ts";
import type { Log } from "../log/port.ts";
import { topicName } from "../log/topics.ts";
import { openEmbeddedParts } from "../node/parts.ts";
import { namingOf, type Pipeline, startPipeline } from "../node/pipeline.ts";
import { claimSource, feed } from "../node/replay.ts";
import { replayDone } from "../node/replay_done.ts";
import { ledgerView } from "../node/views.ts";
import { systemClock } from "../time.ts";
import { type TrafficFormatName, trafficFormats } from "../traffic/formats.ts";
import { startProgress } from "./progress.ts";

export type Plan = { file: string; format: TrafficFormatName; speed: number | null; seed: number };

/** The pipeline at the end of the file, with everything folded and published. */
export type Replayed = {
  log: Log;
  pipeline: Pipeline;
  items: number;
  fresh: number;
  untimed: number;
  seconds: number;
};

/** Records that may wait for the folds before the feed holds back. */
const backlogMax = 300_000;

/** `what`: what the bar says is being done. Throws input_unreadable for a file that is no recording. */
export async function replayEmbedded<T>(
  plan: Plan,
  { config, dataDir, what }: { config: Config; dataDir: string; what: string },
  ask: (replayed: Replayed) => Promise<T>,
): Promise<T> {
  const clock = systemClock;
  const { size } = await stat(plan.file).catch((error) => {
    throw new WaymarkError("input_unreadable", `cannot read ${plan.file}: ${messageOf(error)}`);
  });
  const parts = await openEmbeddedParts({ config, dataDir, clock });
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => {});
  try {
    const begun = await parts.log.partitionCount(topicName("ride-events", namingOf(config))) !== null;
    await claimSource(dataDir, { file: plan.file, bytes: size, format: plan.format, seed: plan.seed }, begun);
    let complete = false;
    const pipeline = await startPipeline({
      config,
      log: parts.log,
      store: parts.store,
      clock,
      input: { kind: "replay", complete: () => complete },
      onStopped: (_, error) => failed.reject(error),
    });
    const startedMs = clock.monotonicMs();
    const opened = await trafficFormats[plan.format].open(plan.file, { seed: plan.seed });
    const bar = startProgress(what, size, clock);
    const lag = () =>
      [...pipeline.rides, ...pipeline.locations].flatMap((h) => [...h.actors.values()]).reduce(
        (sum, a) => sum + Math.max(0, a.logEnd - a.nextOffset),
        0,
      );
    const feeding = feed(parts.log, pipeline, clock, {
      chunks: opened.chunks,
      speed: plan.speed,
      async fed(items) {
        bar.at(opened.progress().bytesRead, `${items.toLocaleString("en")} records`);
        while (lag() > backlogMax) await clock.sleep(20);
      },
    });
    const { items, fresh, untimed } = await Promise.race([feeding, failed.promise]);
    complete = true;
    while (!await Promise.race([replayDone(pipeline, parts.log), failed.promise])) {
      await Promise.race([clock.sleep(20), failed.promise]);
    }
    await Promise.all(
      pipeline.cities.flatMap((host) => [...host.actors.values()]).map((actor) => actor.flush()),
    );
    bar.end();
    refuseNoRecording(pipeline, plan);
    const seconds = (clock.monotonicMs() - startedMs) / 1_000;
    const answer = await ask({ log: parts.log, pipeline, items, fresh, untimed, seconds });
    await pipeline.drain();
    return answer;
  } finally {
    await parts.close();
  }
}

/** A file of which nothing could be read is not a recording in that format. */
function refuseNoRecording(pipeline: Pipeline, { file, format }: Plan): void {
  const totals = Object.values(ledgerView(pipeline).total);
  if (totals.every(({ read, dead_lettered }) => read === dead_lettered)) {
    throw new WaymarkError(
      "input_unreadable",
      `nothing in ${file} is an event of the format ${format}; see --format`,
    );
  }
}
