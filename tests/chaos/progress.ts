/**
 * How far everything is, seen from outside: whether it is caught up, how long a partition stood still although there
 * was something to fold, how often partitions changed hands.
 */
import type { PartitionView } from "../../schemas/http.ts";
import { topicName } from "../../src/log/topics.ts";
import { sinkGroup } from "../../src/sinks/clickhouse.ts";
import { sinkTables } from "../../src/sinks/rows.ts";
import { systemClock } from "../../src/time.ts";
import type { Bed } from "./bed.ts";
import { ask } from "./workers.ts";

export type Progress = {
  /** Seconds until everything that is in the log now is folded, and in ClickHouse. Throws after the deadline. */
  caughtUp(deadlineMs: number): Promise<number>;
  /** The longest time that one partition stood still while there was something to fold. */
  longestStall(): { seconds: number; where: string };
  /** Records that were in the log and not seen to be folded, in all partitions, at the worst moment. */
  largestLag(): number;
  /** How often partitions were seen to have other owners than before. */
  rebalances(): number;
  /** For the line that says how it goes. */
  told(): string;
  stop(): Promise<void>;
};

type Standing = { position: number; end: number; sinceMs: number; owner: string; state: string };

const pollMs = 250;
const inputs = ["ride-events", "driver-locations"] as const;

export function watchProgress(bed: Bed): Progress {
  const { workers, log, naming } = bed;
  const over = new AbortController();
  const standing = new Map<string, Standing>();
  let longest = { seconds: 0, where: "none" };
  let rebalances = 0;
  let largestLag = 0;
  let owners = "";
  const names = inputs.map((topic) => topicName(topic, naming));
  const watching = Promise.all([watchEnds(), watchPositions()]);

  function at(name: string): Standing {
    const held = standing.get(name) ?? {
      ...{ position: 0, end: 0, sinceMs: systemClock.monotonicMs(), owner: "", state: "unknown" },
    };
    standing.set(name, held);
    return held;
  }

  async function watchEnds(): Promise<void> {
    while (!over.signal.aborted) {
      for (const name of names) {
        const bounds = await log.bounds(name).catch(() => []);
        for (const [partition, { end }] of bounds.entries()) {
          const held = at(`${name}/${partition}`);
          if (held.position >= held.end) held.sinceMs = systemClock.monotonicMs();
          held.end = end;
        }
      }
      largestLag = Math.max(largestLag, lag());
      await systemClock.sleep(pollMs, over.signal);
    }
  }

  async function watchPositions(): Promise<void> {
    for (let turn = 0; !over.signal.aborted; turn++) {
      const worker = workers[turn % workers.length]!;
      const answer = worker.running() ? await ask(`${worker.url}/v1/partitions`) : null;
      if (answer?.status === 200) see((answer.body as { partitions: PartitionView[] }).partitions);
      await systemClock.sleep(pollMs, over.signal);
    }
  }

  function see(views: readonly PartitionView[]): void {
    const nowMs = systemClock.monotonicMs();
    for (const view of views) {
      if (!names.includes(view.topic)) continue;
      const held = at(`${view.topic}/${view.partition}`);
      held.state = view.state;
      if (view.owner !== "") held.owner = view.owner;
      // A zombie shows less than its successor has shown: it does not count.
      if (view.position > held.position) {
        stood(`${view.topic}/${view.partition}`, held, nowMs);
        Object.assign(held, { position: view.position, sinceMs: nowMs });
      }
    }
    const now = [...standing].map(([name, { owner }]) => `${name} ${owner}`).sort().join();
    if (owners !== "" && now !== owners) rebalances++;
    owners = now;
  }

  function stood(name: string, { sinceMs }: Standing, nowMs: number): void {
    const seconds = (nowMs - sinceMs) / 1_000;
    if (seconds > longest.seconds) longest = { seconds, where: name };
  }

  const behind = () => [...standing].filter(([, { position, end }]) => position < end);
  const lag = () => behind().reduce((sum, [, { position, end }]) => sum + end - position, 0);

  /** What is not folded up to there, or not in ClickHouse; empty when everything is. */
  async function missing(ends: Map<string, number>): Promise<string[]> {
    // Whoever showed a position has folded up to there, also when it does not answer just now.
    const unfolded = [...ends].filter(([name, end]) => at(name).position < end)
      .map(([name, end]) => `${name} ${at(name).state} at ${at(name).position} of ${end}`);
    if (unfolded.length > 0) return unfolded;
    return await notCopied(bed, ends);
  }

  return {
    async caughtUp(deadlineMs) {
      const startedMs = systemClock.monotonicMs();
      let ends: Map<string, number> | null = null;
      let left: string[] = ["the log answers"];
      for (;;) {
        ends ??= await endsOf(bed, names).catch(() => null);
        if (ends !== null) left = await missing(ends).catch(() => ["the log answers"]);
        const elapsedMs = systemClock.monotonicMs() - startedMs;
        if (left.length === 0) return elapsedMs / 1_000;
        if (elapsedMs > deadlineMs) {
          throw new Error(
            `not caught up after ${deadlineMs / 1_000} s: ${left.length} missing: ${
              left.slice(0, 5).join("; ")
            }`,
          );
        }
        await systemClock.sleep(pollMs);
      }
    },
    longestStall() {
      const nowMs = systemClock.monotonicMs();
      for (const [name, held] of behind()) stood(name, held, nowMs);
      return longest;
    },
    largestLag: () => largestLag,
    rebalances: () => rebalances,
    told() {
      return `lag ${lag().toLocaleString("en")}, ${rebalances} rebalances`;
    },
    async stop() {
      over.abort();
      await watching;
    },
  };
}

async function endsOf({ log }: Bed, names: readonly string[]): Promise<Map<string, number>> {
  const ends = new Map<string, number>();
  for (const name of names) {
    for (const [partition, { end }] of (await log.bounds(name)).entries()) {
      ends.set(`${name}/${partition}`, end);
    }
  }
  return ends;
}

/** What the sink has not committed; nothing where there is none. `ends`: up to where, by topic and partition; others up to their end. */
export async function notCopied(
  { log, naming, config, plain }: Bed,
  ends = new Map<string, number>(),
): Promise<string[]> {
  const group = sinkGroup({ group: config.WAYMARK_GROUP });
  const left: string[] = [];
  if (plain) return left;
  for (const name of new Set(sinkTables.map(({ topic }) => topicName(topic, naming)))) {
    if (ends.size > 0 && !ends.has(`${name}/0`)) continue;
    const committed = await log.committed(group, name);
    for (const [partition, bounds] of (await log.bounds(name)).entries()) {
      const wanted = ends.get(`${name}/${partition}`) ?? bounds.end;
      const taken = committed[partition]?.offset ?? bounds.start;
      if (taken < wanted) left.push(`ClickHouse has ${name}/${partition} up to ${taken} of ${wanted}`);
    }
  }
  return left;
}
