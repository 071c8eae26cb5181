/**
 * Keeps the alert rules of a log as the rules file says: the one place where rules get into the log.
 *
 *   file ─► checked ─► newer than what the partition's fold knows? ─► record, in force two minutes ahead of its rides
 *
 * Every process looks after the partitions it owns. A set is newer by its version and nothing else, so that processes
 * with different files end with the same rules; and the set in force is said again every hour, so that a fold that
 * begins in the middle of the log meets it.
 */
import { messageOf } from "../errors.ts";
import type { Log, TopicPartition } from "../log/port.ts";
import { topicName } from "../log/topics.ts";
import type { AlertRuleSetWire } from "../../schemas/alert_rule.ts";
import { encodeRules, ruleRecordKey } from "../stages/rule_record.ts";
import { metrics } from "../telemetry/metrics.ts";
import type { Signals } from "../telemetry/signals.ts";
import { type Clock, hourMs, secondMs } from "../time.ts";
import { paneMs, paneStart } from "../windows/settings.ts";
import type { Pipeline } from "./pipeline.ts";
import { readRules } from "./rules_file.ts";

export type RulesKeeperOptions = {
  log: Log;
  pipeline: Pick<Pipeline, "cities" | "naming" | "context">;
  clock: Clock;
  signals: Signals;
  /** Empty: the built-in rules, or what the log has. */
  path: string;
  signal: AbortSignal;
};

/** How often the file is looked at. */
const checkMs = 5 * secondMs;
/** Well within the warm-up of the cities. */
const sayAgainMs = hourMs;
/** Boundaries ahead of the rides that a new set begins at: every partition has it by then. */
const aheadMs = 2 * paneMs;

/** Before a topic has its first record: rules that hold from the start. */
export async function seedRules(
  log: Log,
  topic: string,
  set: AlertRuleSetWire,
  generation: number,
): Promise<void> {
  const bounds = await log.bounds(topic);
  const empty = bounds.flatMap(({ start, end }, partition) => start === 0 && end === 0 ? [partition] : []);
  if (empty.length === 0) return;
  const value = encodeRules(set, 0, generation);
  await log.append(empty.map((partition) => ({ topic, partition, key: ruleRecordKey, value })));
}

/** Runs until the signal aborts. */
export async function keepRules(options: RulesKeeperOptions): Promise<void> {
  const { clock, signal } = options;
  const said = new Set<string>();
  /** Versions on their way: the fold has not met them yet. */
  const asked = new Map<number, { version: number; atMs: number }>();
  while (!signal.aborted) {
    try {
      await look(options, asked, (message) => {
        if (!said.has(message)) options.signals.say(message);
        said.add(message);
      });
      metrics.rulesRefused.set(0);
    } catch (error) {
      metrics.rulesRefused.set(1);
      const message = `${messageOf(error)}; the rules in force stay`;
      if (!said.has(message)) options.signals.say(message);
      said.clear();
      said.add(message);
    }
    await clock.sleep(checkMs, signal);
  }
}

type Asked = Map<number, { version: number; atMs: number }>;

async function look(
  { log, pipeline, clock, path }: RulesKeeperOptions,
  asked: Asked,
  say: (message: string) => void,
): Promise<void> {
  const file = path === "" ? null : await readRules(path);
  const topic = topicName("city-partials", pipeline.naming);
  const { generation } = pipeline.context;
  for (const host of pipeline.cities) {
    for (const [partition, actor] of host.actors) {
      if (actor.publishFrom !== null || host.isBehind(partition)) continue;
      const { newest, saidMs } = actor.fold.rules;
      const due = saidMs !== null && log.clockMs() - saidMs > sayAgainMs;
      const next = nextSet(file, newest, say);
      const pending = asked.get(partition);
      const version = next?.version ?? newest?.version ?? 0;
      if (pending?.version === version && clock.monotonicMs() - pending.atMs < 12 * checkMs) continue;
      const tp: TopicPartition = { topic, partition };
      const append = (value: Uint8Array) => log.append([{ ...tp, key: ruleRecordKey, value }]);
      if (next !== null) {
        const { rideMs } = actor.fold.watermarks;
        const fromMs = rideMs === null ? 0 : paneStart(rideMs) + aheadMs;
        await append(encodeRules(next, fromMs, generation));
        say(
          `alert rules version ${next.version} are in force in ${topic}/${partition} from ${
            fromMs === 0 ? "the start" : new Date(fromMs).toISOString()
          } on`,
        );
      } else if (due && newest !== null) {
        await append(encodeRules(newest, newest.fromMs, generation));
      } else continue;
      asked.set(partition, { version, atMs: clock.monotonicMs() });
    }
  }
}

/** The file's set where it is newer than the log's; null where there is nothing to say. */
function nextSet(
  file: AlertRuleSetWire | null,
  newest: AlertRuleSetWire | null,
  say: (message: string) => void,
): AlertRuleSetWire | null {
  const version = newest?.version ?? 0;
  if (file === null) {
    if (version > 0) say(`no WAYMARK_RULES is set: alert rules version ${version} of the log stay in force`);
    return null;
  }
  if (file.version > version) return file;
  if (file.version < version) {
    say(
      `the rules file has version ${file.version}, the log version ${version}, which stays in force: raise the file's version above it`,
    );
  } else if (newest !== null && JSON.stringify(file.rules) !== JSON.stringify(newest.rules)) {
    say(
      `the rules file has other rules than version ${version} in the log, which stay in force: raise the file's version`,
    );
  }
  return null;
}
