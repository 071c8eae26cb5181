/** Posts traffic to a running service, in batches, as a producer without Kafka would. */
import { WaymarkError } from "../errors.ts";
import { configFromEnvironment, postKey } from "./environment.ts";
import { fromUtf8 } from "../ids.ts";
import { systemClock } from "../time.ts";
import type { SentItem } from "../traffic/item.ts";

export type PostOptions = {
  url: string;
  /** Event time per wall time; null: as fast as the service answers. */
  speed: number | null;
};

const doors = { "ride-events": "/v1/events", "driver-locations": "/v1/locations" } as const;
const retriesMax = 20;

/** The service of the settings, where `--url` names no other. */
export const defaultUrl = (): string => {
  const { WAYMARK_HOST, WAYMARK_PORT } = configFromEnvironment();
  return `http://${WAYMARK_HOST}:${WAYMARK_PORT}`;
};

/** Returns the exit code: 0 when every item was answered for, whatever the verdict. */
export async function postTraffic(
  { chunks }: { chunks: AsyncIterable<SentItem[]> },
  { url, speed }: PostOptions,
): Promise<number> {
  const clock = systemClock;
  const key = postKey();
  const headers = { "content-type": "application/x-ndjson", ...(key && { authorization: `Bearer ${key}` }) };
  const told = { accepted: 0, rejected: 0 };
  let origin: { wallMs: number; recordMs: number } | null = null;
  for await (const chunk of chunks) {
    const firstMs = chunk.find((item) => item.recordedAtMs !== null)?.recordedAtMs ?? null;
    if (speed !== null && firstMs !== null) {
      origin ??= { wallMs: clock.monotonicMs(), recordMs: firstMs };
      const waitMs = origin.wallMs + (firstMs - origin.recordMs) / speed - clock.monotonicMs();
      if (waitMs > 0) await clock.sleep(waitMs);
    }
    for (const topic of Object.keys(doors) as (keyof typeof doors)[]) {
      const items = chunk.filter((item) => item.topic === topic);
      if (items.length === 0) continue;
      const body = items.map((item) => textOf(item).replaceAll("\n", " ") + "\n").join("");
      const verdict = await post(new URL(doors[topic], url), body, headers);
      told.accepted += verdict.accepted;
      told.rejected += verdict.rejected;
    }
  }
  console.log(
    `${told.accepted.toLocaleString("en")} items accepted, ${
      told.rejected.toLocaleString("en")
    } rejected by ${url}`,
  );
  return 0;
}

const textOf = (item: SentItem): string => typeof item.value === "string" ? item.value : fromUtf8(item.value);

/** Repeats what was not answered with a verdict: a repeated event is known by its id and counts once. */
async function post(
  url: URL,
  body: string,
  headers: Record<string, string>,
): Promise<{ accepted: number; rejected: number }> {
  for (let attempt = 1;; attempt++) {
    const response = await fetch(url, { method: "POST", body, headers }).catch((error: Error) => error);
    if (response instanceof Response && (response.status === 202 || response.status === 400)) {
      const answer = await response.json();
      const rejected = (answer.rejected ?? answer.error?.rejected ?? []) as unknown[];
      return { accepted: answer.accepted ?? 0, rejected: rejected.length };
    }
    const why = response instanceof Response
      ? `${response.status} ${await response.text()}`
      : response.message;
    const final = response instanceof Response && response.status < 500 && response.status !== 429;
    if (response instanceof Error && attempt >= retriesMax) {
      const message =
        `nothing answers at ${url} (${response.message}): is the service running? --url names another`;
      throw new WaymarkError("input_unreadable", message);
    }
    if (final || attempt >= retriesMax) {
      throw new WaymarkError("input_unreadable", `${url} did not take a batch: ${why.slice(0, 300)}`);
    }
    const wantedS = response instanceof Response ? Number(response.headers.get("retry-after") ?? 0) : 0;
    await systemClock.sleep(Math.max(Math.min(250 * attempt, 2_000), 1_000 * Math.min(wantedS, 30)));
  }
}
