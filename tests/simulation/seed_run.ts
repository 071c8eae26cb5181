/**
 * One seed from its plan to the complaints of the checkers.
 *
 *   plan ─► storm (safety) ─► heal, a core stays ─► calm until everything is folded and closed (liveness) ─► drain ─► checks
 */
import { messageOf } from "../../src/errors.ts";
import { minuteMs, secondMs } from "../../src/time.ts";
import { randomFrom } from "../../src/traffic/random.ts";
import { calmlyPublished, snapshotsBeside, type SnapshotSeen } from "./calm_owner.ts";
import { checkers } from "./checks/all.ts";
import { type Evidence, type EvidenceRecord, jsonOf } from "./checks/evidence.ts";
import { oracleOf } from "./checks/oracle.ts";
import { scheduleDisasters, stagesOf } from "./disasters.ts";
import { createInstallation, hostsOf, type Installation, startMs } from "./installation.ts";
import { type Overrides, type Plan, planOf } from "./plan.ts";
import { createPoints, type Points } from "./points.ts";
import { createSchedule, type Told } from "./schedule.ts";
import { drainMicrotasks, sealed } from "./seal.ts";

export type SeedResult = {
  seed: number;
  plan: Plan;
  hash: string;
  /** The hash after `markAt` events. */
  mark: string | null;
  events: number;
  simulatedMs: number;
  complaints: { checker: string; text: string }[];
  points: Points["counts"];
  story: readonly Told[];
};

export type SeedOptions = { overrides?: Overrides; markAt?: number; stopAtMark?: boolean };

const eventsMax = 3_000_000;

export function runSeed(seed: number, { overrides, markAt, stopAtMark }: SeedOptions = {}): SeedResult {
  const plan = planOf(seed, overrides);
  const points = createPoints();
  const schedule = createSchedule({
    random: randomFrom(seed, "schedule"),
    ...(markAt !== undefined && { markAt }),
    eventsMax: stopAtMark ? markAt! : eventsMax,
  });
  const digests = randomFrom(seed, "digests");
  const complaints: SeedResult["complaints"] = [];
  sealed(schedule, digests.uniform, () => {
    try {
      const installation = createInstallation(plan, schedule, points);
      const before = new Map(installation.broker.topics);
      storm(installation);
      const reached = calm(installation);
      const evidence = gather(installation, before, reached);
      for (const { name, check } of checkers) {
        for (const text of check(evidence)) complaints.push({ checker: name, text });
      }
    } catch (error) {
      if (!stopAtMark) {
        complaints.push({
          checker: "simulation",
          text: error instanceof Error ? error.stack ?? "" : messageOf(error),
        });
      }
    }
  });
  return {
    seed,
    plan,
    hash: schedule.hash(),
    mark: schedule.hashAt(),
    events: schedule.events(),
    simulatedMs: schedule.nowMs(),
    complaints,
    points: points.counts,
    story: schedule.story,
  };
}

/** Safety: anything may happen. */
function storm(installation: Installation): void {
  const { plan, schedule } = installation;
  for (let n = 0; n < plan.processes; n++) installation.start();
  scheduleDisasters(installation);
  schedule.run({ ms: plan.trafficMs + 5 * minuteMs });
}

type Reached = {
  reached: boolean;
  lacking: string[];
  ledgers: Evidence["ledgers"];
  missed: Evidence["missed"];
  held: number;
};

/** Liveness: nothing goes wrong any more, and some processes at least are there. */
function calm(installation: Installation): Reached {
  const { plan, schedule, points } = installation;
  const random = randomFrom(plan.seed, "core");
  installation.heal();
  for (const process of installation.processes) {
    if (process.place.state === "stopped") schedule.resume(process.place);
  }
  if (random.chance(0.4)) {
    points.sometimes("core_only");
    for (const process of installation.processes.slice(1)) installation.kill(process, null);
  }
  if (plan.scenario !== "foreign" && installation.processes.length === 0) installation.start();
  const { idleMs, windowMs, delayMs, latenessMs, sessionMs } = plan.settings;
  const mostMs = 2 * idleMs + windowMs + delayMs + latenessMs + 4 * sessionMs + 20 * minuteMs;
  const untilMs = schedule.nowMs() + (plan.scenario === "foreign" ? 2 * minuteMs + 4 * sessionMs : mostMs);
  let lacking: string[] = ["nothing was looked at"];
  while (schedule.nowMs() < untilMs) {
    schedule.run({ ms: 15 * secondMs });
    lacking = lackingIn(installation);
    if (lacking.length === 0) break;
  }
  const ledgers = installation.processes.flatMap(({ pipeline }) =>
    pipeline === null
      ? []
      : [...pipeline.rides, ...pipeline.locations].flatMap((host) =>
        [...host.actors.values()].map(({ tp, fold }) => ({
          ...fold.ledger,
          topic: tp.topic,
          partition: tp.partition,
        }))
      )
  );
  const cities = installation.processes.flatMap((p) =>
    p.pipeline === null ? [] : p.pipeline.cities.flatMap((host) => [...host.actors.values()])
  );
  const missed = cities.flatMap((actor) => actor.fold.missed);
  const held = installation.processes.flatMap(hostsOf).flatMap((host) => [...host.actors.values()])
    .reduce((sum, actor) => sum + Object.values(actor.fold.status().actors).reduce((a, b) => a + b, 0), 0);
  const reached = { reached: lacking.length === 0, lacking, ledgers, missed, held };
  for (const process of [...installation.processes]) installation.drain(process, null);
  schedule.run({ ms: 2 * minuteMs, done: () => installation.processes.length === 0 });
  if (plan.scenario !== "foreign" && reached.reached) {
    for (const process of installation.processes) {
      reached.reached = false;
      reached.lacking.push(`process ${process.place.name} has not drained within two minutes`);
    }
  }
  return reached;
}

/** What is not done yet, in words. */
function lackingIn(installation: Installation): string[] {
  const { broker, processes, plan, config } = installation;
  const lacking: string[] = [];
  if (installation.sending() > 0) lacking.push(`${installation.sending()} items are not sent yet`);
  const actors = processes.flatMap(hostsOf).flatMap((host) => [...host.actors.values()]);
  for (const [topic] of stagesOf) {
    for (const { partition, records } of broker.partitions(topic)) {
      const owners = actors.filter((a) => a.tp.topic === topic && a.tp.partition === partition);
      if (owners.length !== 1) lacking.push(`${topic}/${partition} has ${owners.length} owners`);
      const end = (records.at(-1)?.offset ?? -1) + 1;
      const at = owners[0]?.nextOffset ?? 0;
      if (at < end) lacking.push(`${topic}/${partition} is folded up to ${at} of ${end}`);
    }
  }
  const lastMs = startMs + plan.trafficMs + 6 * minuteMs + plan.settings.windowMs;
  for (
    const { tp, fold } of processes.flatMap((p) => p.pipeline?.cities ?? []).flatMap((
      h,
    ) => [...h.actors.values()])
  ) {
    const { allMs } = fold.watermarks;
    if (allMs === null || allMs < lastMs) {
      lacking.push(`${tp.topic}/${tp.partition}: the watermark is ${shown(allMs)}, wanted: ${shown(lastMs)}`);
    }
  }
  for (const topic of sunkTopics) {
    const committed = broker.committed(`${config.WAYMARK_GROUP}-clickhouse`, topic);
    for (const { partition, records } of broker.partitions(topic)) {
      const end = (records.at(-1)?.offset ?? -1) + 1;
      const at = committed[partition]?.offset ?? 0;
      if (at < end) lacking.push(`the sink has ${topic}/${partition} up to ${at} of ${end}`);
    }
  }
  return lacking;
}

const shown = (ms: number | null) =>
  ms === null || !Number.isFinite(ms) ? String(ms) : new Date(ms).toISOString();

const sunkTopics = [
  "ride-events",
  "driver-locations",
  "analytics-aggregated",
  "ride-facts",
  "alerts",
  "late-events",
  "dead-letters",
];

function gather(
  installation: Installation,
  before: Installation["broker"]["topics"],
  reached: Reached,
): Evidence {
  const { plan, broker, clickHouse, config, store, points } = installation;
  const of = (topics: Installation["broker"]["topics"], topic: string): EvidenceRecord[][] =>
    topics.get(topic)!.map(({ partition, archive }) =>
      archive.map((record) => ({ topic, partition, ...record }))
    );
  const all = (topic: string) => of(broker.topics, topic).flat();
  const rides = of(before, "ride-events");
  const locations = of(before, "driver-locations");
  const snapshots: SnapshotSeen[] = [];
  if (plan.scenario !== "foreign") {
    for (const [topic, stage] of stagesOf) {
      for (const { partition, archive } of broker.partitions(topic)) {
        const key = `${config.WAYMARK_GROUP}-${stage}-g1/${topic}/${partition}`;
        snapshotsBeside(store.now(), key, stage, partition, archive, config).then(
          (seen) => void snapshots.push(...seen),
          (error) => void installation.defects.push(`the snapshots of ${key}: ${messageOf(error)}`),
        );
      }
    }
    // Digests come as events here, too.
    for (let n = 0; n < 20; n++) installation.schedule.run({ ms: secondMs });
    drainMicrotasks();
  }
  const evidence: Evidence = {
    seed: plan.seed,
    scenario: plan.scenario,
    settings: plan.settings,
    rides,
    locations,
    published: {
      windows: all("analytics-aggregated"),
      facts: all("ride-facts"),
      alerts: all("alerts"),
      late: all("late-events"),
      dead: all("dead-letters"),
      partials: all("city-partials-g1"),
    },
    ledgers: reached.ledgers,
    missed: reached.missed,
    handed: installation.handed,
    tables: Object.fromEntries(
      ["ride_events", "city_windows", "ride_facts", "alerts", "dead_letters", "late_events"]
        .map((table) => [table, clickHouse.rows(table)]),
    ),
    sunk: Object.fromEntries(
      sunkTopics.flatMap((topic) =>
        broker.committed(`${config.WAYMARK_GROUP}-clickhouse`, topic)
          .map((committed, partition) => [`${topic}/${partition}`, committed?.offset ?? 0])
      ),
    ),
    sinkBreaches: clickHouse.breaches(),
    refusals: installation.refusals,
    mustRefuse: installation.mustRefuse,
    defects: [
      ...installation.defects,
      ...(plan.scenario === "foreign"
        ? []
        : installation.refusals.map((r) => `${r.process} refused: ${r.why}`)),
    ],
    liveness: reached,
    bounds: [
      { name: "calls in flight of one process", value: installation.openCallsMax, most: 300 },
    ],
    snapshots,
    calm: plan.scenario === "steady" && !cameBack(all("city-partials-g1"))
      ? calmlyPublished(config, rides, locations)
      : null,
  };
  notePoints(evidence, points);
  return evidence;
}

/**
 * Whether a source went on after it was declared idle, as steady ones do where the log's clock has been set back and
 * all their events lie in its future for a while: what is open at a boundary is then what it was in the silence.
 */
function cameBack(partials: readonly EvidenceRecord[]): boolean {
  const silentAt = new Map<string, number>();
  for (const record of partials) {
    const { source, next_offset: nextOffset, idle } = jsonOf<PartialSeen>(record);
    const name = `${source.topic}/${source.partition}`;
    if (nextOffset > (silentAt.get(name) ?? Infinity)) return true;
    if (idle !== undefined && nextOffset > 0) silentAt.set(name, nextOffset);
  }
  return false;
}

type PartialSeen = { source: { topic: string; partition: number }; next_offset: number; idle?: unknown };

/** Points that show only in what is left. */
function notePoints(evidence: Evidence, { sometimes }: Points): void {
  const { verdicts, points } = oracleOf(evidence);
  const has = (name: string) => verdicts.some((partition) => partition.includes(name as never));
  if (has("duplicate")) sometimes("duplicate");
  if (has("late")) sometimes("late");
  if (has("too_late")) sometimes("too_late");
  if (points.duplicateTooLate > 0) sometimes("duplicate_too_late");
  if (points.cityOfRide > 0) sometimes("city_of_ride");
  for (const { headers } of evidence.published.dead) {
    if (headers?.["reason"] === "event_time_future") sometimes("future");
    else sometimes("poison");
  }
  if (evidence.missed.length > 0) sometimes("missed_after_idle");
  const text = (record: EvidenceRecord) => new TextDecoder().decode(record.value);
  if (evidence.published.windows.some((w) => text(w).includes('"kind":"revision"'))) sometimes("revision");
  const idleAt = new Map<string, number>();
  for (const partial of evidence.published.partials) {
    const { source, next_offset, idle } = jsonOf<{ source: object; next_offset: number; idle?: object }>(
      partial,
    );
    const name = JSON.stringify([source, partial.partition]);
    if (next_offset > (idleAt.get(name) ?? Infinity)) sometimes("resumed_after_idle");
    if (idle !== undefined && next_offset > 0) {
      sometimes("idle");
      idleAt.set(name, next_offset);
    } else idleAt.delete(name);
  }
  for (const alert of evidence.published.alerts) {
    if (text(alert).includes('"state":"firing"')) sometimes("alert_firing");
    if (text(alert).includes('"state":"resolved"')) sometimes("alert_resolved");
  }
}
