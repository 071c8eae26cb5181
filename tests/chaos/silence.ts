/** Whether traffic has begun, and when everything has come to rest: read to the end, declared idle, every window closed. */
import { topicName } from "../../src/log/topics.ts";
import { fromUtf8 } from "../../src/ids.ts";
import type { Bed } from "./bed.ts";
import { ask, type Worker } from "./workers.ts";

export async function allReady(workers: readonly Worker[]): Promise<boolean> {
  const answers = await Promise.all(workers.map((w) => w.running() ? ask(`${w.url}/readyz`) : null));
  return answers.every((answer) => answer?.status === 200);
}

/** A sender that finds no broker at its start gives up, and is no part of what is shown here. */
export async function hasTraffic({ log, naming }: Bed): Promise<boolean> {
  const bounds = await log.bounds(topicName("driver-locations", naming));
  return bounds.every(({ end }) => end > 0);
}

/** Every source is read to its end and declared idle, so that the cities' watermark has passed the newest event. */
export async function isQuiet({ log, workers }: Bed, newestMs: number): Promise<boolean> {
  const { url } = workers[0]!;
  const answer = await ask(`${url}/v1/partitions`);
  if (answer?.status !== 200) return false;
  const { partitions } = answer.body as {
    partitions: { topic: string; stage: string; partition: number; position: number; state: string }[];
  };
  for (const stage of ["rides", "locations"]) {
    const of = partitions.filter((p) => p.stage === stage && p.state === "running");
    const topic = of[0]?.topic;
    if (topic === undefined) return false;
    for (const [partition, { end }] of (await log.bounds(topic)).entries()) {
      if (of.find((p) => p.partition === partition)?.position !== end) return false;
    }
  }
  const cities = await ask(`${url}/v1/cities`);
  const watermark = (cities?.body as { watermarks?: { all: string | null } } | undefined)?.watermarks?.all;
  return watermark != null && Date.parse(watermark) > newestMs;
}

/** Of the last records of every partition, which are nearly in order. */
export async function newestEventMs({ log, naming }: Bed): Promise<number> {
  const topic = topicName("ride-events", naming);
  let newest = 0;
  for (const [partition, { start, end }] of (await log.bounds(topic)).entries()) {
    for (const { value } of await log.read({ topic, partition }, Math.max(start, end - 1_000), 1_000)) {
      const at = /"timestamp":"([^"]+)"/.exec(fromUtf8(value))?.[1];
      if (at !== undefined) newest = Math.max(newest, Date.parse(at) || 0);
    }
  }
  return newest;
}
