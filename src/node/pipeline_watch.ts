/**
 * Watches the pipeline and says on `alerts` what is wrong with it, where no Prometheus does.
 *
 * One process speaks for a topic: the one that runs its partition 0, over the partitions and ledgers of all nodes. It
 * speaks for ClickHouse when it runs ride-events/0. Which alerts are open is what the board has read from the log.
 */
import type { AlertTransition } from "../../schemas/alert.ts";
import {
  deadLettersFloor,
  judgePipeline,
  type PipelineMemory,
  type PipelineReading,
  type PipelineRule,
  pipelineRules,
  unknown,
} from "../alerts/pipeline_rules.ts";
import { messageOf } from "../errors.ts";
import { wholeLedger } from "../http/fleet_view.ts";
import type { Handles, PartitionView } from "../http/handles.ts";
import type { Log } from "../log/port.ts";
import { topicName } from "../log/topics.ts";
import { alertOutput } from "../stages/alert_transition.ts";
import type { StageContext } from "../stages/context.ts";
import type { Signals } from "../telemetry/signals.ts";
import { type Clock, isoTime, minuteMs, secondMs } from "../time.ts";
import { formatRev } from "../windows/rev.ts";

export type PipelineWatchOptions = {
  log: Pick<Log, "append">;
  context: StageContext;
  naming: { prefix: string; generation: number };
  handles: Pick<Handles, "own" | "partitions" | "fleet" | "board" | "sink">;
  clock: Clock;
  signals: Signals;
  signal: AbortSignal;
};

const lookMs = 10 * secondMs;
/** Dead letters are counted over this long. */
const shareMs = 5 * minuteMs;
/** An alert just said is on its way to the board. */
const sayingMs = 30 * secondMs;

type Sample = { atMs: number; read: number; dead: number };
type Watched = { memory: PipelineMemory; saidMs: number };

/** Runs until the signal aborts. */
export async function watchPipeline(options: PipelineWatchOptions): Promise<void> {
  const { clock, signal, signals } = options;
  const watched = new Map<string, Watched>();
  const samples = new Map<string, Sample[]>();
  while (!signal.aborted) {
    await clock.sleep(lookMs, signal);
    if (signal.aborted) return;
    try {
      for (const [target, rule, reading] of await readings(options, samples)) {
        await judgeOne(options, watched, { target, rule, reading });
      }
    } catch (error) {
      signals.say(`the pipeline could not be watched, and is again in a moment: ${messageOf(error)}`);
    }
  }
}

type Read = [target: string, rule: PipelineRule, reading: PipelineReading];

async function readings(options: PipelineWatchOptions, samples: Map<string, Sample[]>): Promise<Read[]> {
  const { handles, clock } = options;
  const { fleet } = handles;
  const leads = new Set(
    handles.own.partitions().filter((p) => p.partition === 0 && isOwned(p)).map((p) => p.topic),
  );
  if (leads.size === 0) return [];
  await fleet?.refresh(lookMs);
  const read: Read[] = [];
  for (const topic of leads) {
    read.push(...ofTopic(topic, handles.partitions().filter((p) => p.topic === topic)));
  }
  const reports = fleet === null ? [] : await fleet.ledgers();
  const { total } = wholeLedger(fleet?.seats ?? [], handles.own.ledger(), reports);
  for (const topic of leads) {
    const counts = total[topic];
    if (counts === undefined) continue;
    const sample = { atMs: clock.monotonicMs(), read: counts.read, dead: counts.dead_lettered };
    read.push([topic, pipelineRules.deadLetters, shareOf(topic, sample, samples)]);
  }
  const sink = handles.sink();
  if (leads.has("ride-events") && sink.state !== "off") {
    const says = `rows wait for ${Math.round(sink.oldest_seconds)} s${
      sink.error === null ? "" : `: ${sink.error}`
    }`;
    read.push(["clickhouse", pipelineRules.sink, { value: sink.oldest_seconds, says }]);
  }
  return read;
}

const isOwned = ({ state }: PartitionView) => state !== "unowned" && state !== "unknown";

function ofTopic(topic: string, views: readonly PartitionView[]): Read[] {
  const stopped = views.filter((p) => p.state === "stopped");
  const worst = (of: (view: PartitionView) => number) =>
    views.reduce<[number, PartitionView | null]>(
      (held, view) => of(view) > held[0] ? [of(view), view] : held,
      [0, null],
    );
  const [lag, behind] = worst((p) => p.lag_seconds);
  const [age, oldest] = worst((p) => p.position > p.snapshot_offset ? p.snapshot_age_seconds ?? 0 : 0);
  const named = (view: PartitionView | null) => view === null ? topic : `${topic}/${view.partition}`;
  return [
    [topic, pipelineRules.stopped, {
      value: stopped.length,
      says: stopped.length === 0
        ? "every partition runs"
        : stopped.map((p) => `${named(p)} stopped: ${p.error?.code ?? "crash"}`).join(", "),
    }],
    [topic, pipelineRules.lag, { value: lag, says: `${named(behind)} is ${Math.round(lag)} s behind` }],
    [topic, pipelineRules.snapshot, {
      value: age,
      says: `the snapshot of ${named(oldest)} is ${Math.round(age)} s old`,
    }],
  ];
}

/** Of the records read in the last five minutes: the share that became dead letters. */
function shareOf(topic: string, sample: Sample, samples: Map<string, Sample[]>): PipelineReading {
  const before = samples.get(topic) ?? [];
  // A partition that changed hands may be counted from another offset: what falls begins anew.
  const fell = before.some((s) => s.read > sample.read || s.dead > sample.dead);
  const kept = [...(fell ? [] : before.filter((s) => sample.atMs - s.atMs <= shareMs)), sample];
  samples.set(topic, kept);
  const read = sample.read - kept[0]!.read;
  const dead = sample.dead - kept[0]!.dead;
  if (read < deadLettersFloor) {
    return { value: dead === 0 && kept.length > 1 ? 0 : null, says: "few records" };
  }
  return { value: dead / read, says: `${dead} of ${read} records were dead letters` };
}

async function judgeOne(
  { log, context, naming, handles, clock }: PipelineWatchOptions,
  watched: Map<string, Watched>,
  { target, rule, reading }: { target: string; rule: PipelineRule; reading: PipelineReading },
): Promise<void> {
  const key = `${rule.name} ${target}`;
  const held = watched.get(key) ?? { memory: unknown, saidMs: -Infinity };
  watched.set(key, held);
  const nowMs = clock.nowMs();
  if (nowMs - held.saidMs < sayingMs) return;
  const open = handles.board.alerts().find((a) =>
    a.rule === rule.name && a.city === target && a.state === "firing"
  );
  const { memory, change } = judgePipeline(rule, held.memory, {
    value: reading.value,
    nowMs,
    isOpen: open !== undefined,
  });
  held.memory = memory;
  if (change === null) return;
  held.saidMs = nowMs;
  const sinceMs = open === undefined ? memory.breachMs ?? nowMs : Date.parse(open.since);
  const transition = transitionOf(rule, { target, reading, change, sinceMs, nowMs }, context);
  const { key: recordKey, value, partition } = alertOutput(transition, context);
  await log.append([{ topic: topicName("alerts", naming), partition: partition!, key: recordKey, value }]);
}

type Said = {
  target: string;
  reading: PipelineReading;
  change: "firing" | "resolved";
  sinceMs: number;
  nowMs: number;
};

function transitionOf(
  rule: PipelineRule,
  { target, reading, change, sinceMs, nowMs }: Said,
  context: StageContext,
): AlertTransition {
  return {
    alert_id: `${rule.name}/${target}/${isoTime(sinceMs)}`,
    rule: rule.name,
    city: target,
    state: change,
    severity: rule.severity,
    owner: "pipeline",
    since: isoTime(sinceMs),
    at: isoTime(nowMs),
    value: reading.value === null ? null : Math.round(reading.value * 10_000) / 10_000,
    threshold: rule.threshold,
    window_start: isoTime(Math.min(sinceMs, nowMs)),
    window_end: isoTime(nowMs),
    rev: formatRev(context.generation, nowMs, 1),
    counts: {},
    summary: `${target}: ${reading.says}, ${change}`.slice(0, 1_024),
    dedup_key: `${context.environment}:${rule.name}:${target}`,
    runbook: null,
  };
}
