/** Whether a replayed input has gone all the way through: every source ended, every city told, everything folded. */
import type { Log } from "../log/port.ts";
import { topicName } from "../log/topics.ts";
import type { Pipeline } from "./pipeline.ts";

export async function replayDone(pipeline: Pipeline, log: Log): Promise<boolean> {
  const { partitions } = pipeline.context;
  const sources = [...pipeline.rides, ...pipeline.locations].flatMap((host) => [...host.actors.values()]);
  if (sources.length < partitions["ride-events"] + partitions["driver-locations"]) return false;
  if (!sources.every((actor) => actor.ended)) return false;
  const cities = pipeline.cities.flatMap((host) => [...host.actors.values()]);
  if (cities.length < partitions["city-partials"]) return false;
  const bounds = await log.bounds(topicName("city-partials", pipeline.naming));
  return cities.every((actor) =>
    actor.nextOffset === bounds[actor.tp.partition]!.end && actor.fold.sources.every((s) => s.ended)
  );
}
