/**
 * The whole installation of one seed: broker, store and ClickHouse, processes that come and go, producers, and the
 * disasters of the plan. What it leaves is evidence (evidence.ts), which the checkers judge.
 */
import { type Config, readConfig } from "../../src/config.ts";
import { messageOf } from "../../src/errors.ts";
import type { LogRecord, NewRecord, TopicPartition } from "../../src/log/port.ts";
import { minuteMs, secondMs } from "../../src/time.ts";
import { randomFrom } from "../../src/traffic/random.ts";
import { type Broker, createBroker } from "./broker.ts";
import { analyticsClient, type ClickHouseService, createClickHouse } from "./clickhouse_twin.ts";
import { type Coordinator, createCoordinator } from "./coordinator.ts";
import { logClient } from "./log_client.ts";
import type { Plan } from "./plan.ts";
import type { Points } from "./points.ts";
import { drainProcess, type Ending, type Process, startProcess } from "./process.ts";
import type { Place, Schedule } from "./schedule.ts";
import { produce } from "./producers.ts";
import { createStoreService, storeClient, type StoreService } from "./store_client.ts";
import { createWire, type Link, type Network, type ServiceName } from "./wire.ts";

/** A handing-over of records to a handler, as the reader did it. */
export type Handed = { member: string; tp: string; from: number; offsets: number[] | "assigned" };

export type Installation = {
  plan: Plan;
  config: Config;
  schedule: Schedule;
  points: Points;
  broker: Broker;
  coordinator: Coordinator;
  store: StoreService;
  clickHouse: ClickHouseService;
  network: Network;
  links: Map<string, Link>;
  /** Those that run or are stopped. */
  processes: Process[];
  handed: Handed[];
  refusals: { process: string; atMs: number; why: string }[];
  /** What was done to the log that has to be refused, in words. */
  mustRefuse: string | null;
  /** What ended a process and should not have. */
  defects: string[];
  /** Disasters that wait for a moment: each is asked now and then, and says whether it has struck or is over. */
  moments: (() => boolean)[];
  /** Items that are not acknowledged yet. */
  sending(): number;
  start(): Process;
  kill(process: Process, restartMs: number | null): void;
  drain(process: Process, restartMs: number | null): void;
  /** Whether the faults are over. */
  heal(): void;
  openCallsMax: number;
};

export const startMs = Date.UTC(2026, 0, 15, 18);

const unset = readConfig({});

export function configOf({ partitions, settings }: Plan): Config {
  const { rides, locations, targets, others } = partitions;
  return {
    ...unset,
    WAYMARK_PARTITIONS: [
      ["ride-events", rides],
      ["driver-locations", locations],
      ["city-partials", targets],
      ["analytics-aggregated", others],
      ["ride-facts", others],
      ["alerts", others],
      ["late-events", others],
      ["dead-letters", others],
    ],
    WAYMARK_FLUSH_MS: settings.flushMs,
    WAYMARK_SNAPSHOT_MS: settings.snapshotMs,
    WAYMARK_IDLE_MS: settings.idleMs,
    WAYMARK_ALIGN_MS: settings.alignMs,
    WAYMARK_WINDOW_MS: settings.windowMs,
    WAYMARK_WATERMARK_DELAY_MS: settings.delayMs,
    WAYMARK_LATENESS_MS: settings.latenessMs,
    WAYMARK_SKEW_MS: settings.skewMs,
    WAYMARK_HOLD_MS: settings.holdMs,
    WAYMARK_ENDED_RIDE_MS: settings.endedRideMs,
    WAYMARK_DRIVER_MS: settings.driverMs,
    WAYMARK_INSERT_MS: settings.insertMs,
    WAYMARK_SESSION_MS: settings.sessionMs,
  };
}

export function createInstallation(given: Plan, schedule: Schedule, points: Points): Installation {
  // Healing takes the faults out of the plan while the run goes on.
  const plan: Plan = { ...given, rates: { ...given.rates }, disasters: [...given.disasters] };
  const config = configOf(plan);
  const random = (name: string) => randomFrom(plan.seed, name);
  const wireRandom = random("wire");
  const gapRandom = random("gaps");
  const broker = createBroker({
    nowMs: schedule.nowMs,
    startMs,
    gapBefore: () => {
      if (!gapRandom.chance(plan.rates.gap)) return 0;
      points.sometimes("gap");
      return 1 + gapRandom.below(3);
    },
  });
  const links = new Map<string, Link>();
  const network: Network = {
    schedule,
    points,
    random: wireRandom,
    latencyMs: plan.latencyMs,
    slowRate: () => plan.rates.slow,
    down: new Set<ServiceName>(),
    link: (place, service) => links.get(`${place.name} ${service}`) ?? links.get(place.name) ?? "open",
  };
  const store = createStoreService();
  const clickHouse = createClickHouse({ random: random("clickhouse"), points, plan });
  const waiting = new Map<string, (() => void)[]>();
  const nameOf = ({ topic, partition }: TopicPartition) => `${topic}/${partition}`;
  broker.onAppend((tp) => {
    const woken = waiting.get(nameOf(tp)) ?? [];
    waiting.delete(nameOf(tp));
    for (const wake of woken) wake();
  });
  const coordinator = createCoordinator({
    broker,
    nowMs: schedule.nowMs,
    sessionMs: plan.settings.sessionMs,
    expelled(group, memberId) {
      points.sometimes("expelled");
      schedule.tell(`${memberId} was silent for a session and lost its partitions of ${group}`);
    },
    handedOver(group, tp, to) {
      points.sometimes("rebalance");
      schedule.tell(`${nameOf(tp)} goes to ${to} (${group})`);
    },
  });
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
  let started = 0;
  let unsent = 0;

  const installation: Installation = {
    plan,
    config,
    schedule,
    points,
    broker,
    coordinator,
    store,
    clickHouse,
    network,
    links,
    processes: [],
    handed: [],
    refusals: [],
    mustRefuse: null,
    defects: [],
    moments: [],
    sending: () => unsent,
    start: () => begin(letters[started++ % letters.length]!, 1),
    kill,
    drain,
    heal,
    openCallsMax: 0,
  };

  function begin(name: string, life: number): Process {
    const process: Process = startProcess({
      schedule,
      name,
      life,
      startMs,
      config,
      insertRowsMax: plan.settings.insertRowsMax,
      wires: (place, process) => wiresOf(place, process),
      ended,
    });
    installation.processes.push(process);
    schedule.tell(`process ${process.place.name} starts`);
    return process;
  }

  function wiresOf(place: Place, process: Process) {
    const wire = createWire(place, network);
    const counted = {
      ...wire,
      call: ((call) => {
        installation.openCallsMax = Math.max(installation.openCallsMax, wire.open());
        return wire.call(call);
      }) as typeof wire.call,
    };
    return {
      log: logClient({
        ...{ schedule, wire: counted, broker, random: wireRandom, points, plan, coordinator },
        clock: process.clock,
        who: place.name,
        waitForAppend(tp, woken) {
          const list = waiting.get(nameOf(tp));
          if (list === undefined) waiting.set(nameOf(tp), [woken]);
          else list.push(woken);
        },
        handed(tp, member, records, from) {
          const offsets = records === "assigned" ? records : records.map((r: LogRecord) => r.offset);
          installation.handed.push({ member, tp: nameOf(tp), from, offsets });
          if (records === "assigned") noteRestored(member, tp, from);
          if (records === "assigned" && member.includes("-clickhouse-")) {
            clickHouse.begins(place.name, nameOf(tp));
          }
        },
        appends: (records) => noteAppend(place, records),
        busy: (what, by) => {
          process.busy[what] += by;
          if (by > 0) lookForMoments();
        },
      }),
      store: storeClient({
        service: store,
        ...{ wire: counted, random: wireRandom, points, plan },
        busy: (by) => {
          process.busy.store += by;
          if (by > 0) lookForMoments();
        },
        stored: (key) => noteStored(place, key),
      }),
      analytics: analyticsClient(clickHouse, {
        ...{ wire: counted, random: wireRandom, points, plan, who: place.name },
      }),
    };
  }

  function noteAppend(place: Place, records: readonly NewRecord[]): void {
    const first = records[0];
    if (first === undefined) return;
    schedule.note(`${first.topic} ${records.length} ${first.value.length}`);
    if (first.topic.startsWith("city-partials") && first.key !== null) {
      const owners = holdersOf(sourceOf(first.key));
      if (owners.length > 0 && !owners.some((m) => m.includes(`-${place.name}-`))) {
        points.sometimes("zombie_published");
      }
    }
  }

  /** A moment is caught somewhere in the middle of it. */
  function lookForMoments(): void {
    if (installation.moments.length === 0) return;
    schedule.at(2 * plan.latencyMs * wireRandom.uniform(), "moment", () => {
      const caught = installation.moments.filter((strike) => strike());
      installation.moments = installation.moments.filter((strike) => !caught.includes(strike));
    });
  }

  function noteRestored(member: string, tp: TopicPartition, from: number): void {
    const group = /^(.*)-[A-Z]\d+-\d+$/.exec(member)?.[1];
    const [newest, ...older] = store.manifestsOf(`${group}/${nameOf(tp)}`).map(({ offset }) => offset);
    if (from === newest) points.sometimes("restored");
    else if (older.includes(from)) points.sometimes("restored_older");
  }

  function noteStored(place: Place, key: string): void {
    const [, topic = "", partition = ""] = key.split("/");
    const owners = holdersOf({ topic, partition: Number(partition) });
    if (owners.length > 0 && !owners.some((m) => m.includes(`-${place.name}-`))) {
      points.sometimes("zombie_snapshot");
    }
  }

  /** A partial's key names its source. */
  const sourceOf = (key: Uint8Array): TopicPartition => {
    const [topic = "", partition = "0"] = new TextDecoder().decode(key).split("/");
    return { topic, partition: Number(partition) };
  };

  function holdersOf(tp: TopicPartition): string[] {
    return ["rides", "locations", "cities"].flatMap((stage) => {
      const group = `${config.WAYMARK_GROUP}-${stage}-g1`;
      return coordinator.members(group).filter((m) => m.holds.some((h) => nameOf(h) === nameOf(tp)))
        .map(({ memberId }) => memberId);
    });
  }

  function remove(process: Process): void {
    process.place.state = "gone";
    process.place.parked = [];
    const at = installation.processes.indexOf(process);
    if (at >= 0) installation.processes.splice(at, 1);
  }

  function again(process: Process, restartMs: number | null): void {
    if (restartMs === null) return;
    const name = process.place.name.slice(0, 1);
    schedule.at(restartMs, "restart", () => void begin(name, process.life + 1));
  }

  function kill(process: Process, restartMs: number | null): void {
    if (process.place.state === "gone") return;
    points.sometimes("crash");
    const { append, store: storing, commit } = process.busy;
    if (append > 0) points.sometimes("crash_while_publishing");
    if (storing > 0) points.sometimes("crash_while_snapshotting");
    if (commit > 0) points.sometimes("crash_between_snapshot_and_commit");
    const hosts = hostsOf(process);
    if (hosts.length === 0 || hosts.some((host) => host.restoring.size > 0)) {
      points.sometimes("crash_while_restoring");
    }
    schedule.tell(
      `process ${process.place.name} is killed${append > 0 ? ", an append in flight" : ""}${
        storing > 0 ? ", a snapshot in flight" : ""
      }`,
    );
    remove(process);
    again(process, restartMs);
  }

  function drain(process: Process, restartMs: number | null): void {
    if (process.place.state !== "running" || process.pipeline === null || process.drains) return;
    process.drains = true;
    schedule.tell(`process ${process.place.name} drains`);
    schedule.at(0, "drain", () => {
      void drainProcess(process).then(() => {
        points.sometimes("drained");
        schedule.tell(`process ${process.place.name} has drained`);
        remove(process);
        again(process, restartMs);
      }, (error) => installation.defects.push(`draining ${process.place.name}: ${messageOf(error)}`));
    }, process.place);
  }

  function ended(process: Process, how: Ending, why: unknown): void {
    const { name } = process.place;
    schedule.tell(`process ${name} ${how}: ${messageOf(why)}`);
    remove(process);
    if (how === "refused") {
      points.sometimes("refused");
      installation.refusals.push({ process: name, atMs: schedule.nowMs(), why: messageOf(why) });
      return;
    }
    const cause = why instanceof Error ? why.cause ?? why : why;
    const isAway = typeof cause === "object" && cause !== null && "kind" in cause &&
      cause.kind === "retryable";
    if (!isAway) installation.defects.push(`process ${name} failed: ${messageOf(why)}`);
    again(process, secondMs);
  }

  function heal(): void {
    for (const name of Object.keys(plan.rates) as (keyof Plan["rates"])[]) plan.rates[name] = 0;
    network.down.clear();
    links.clear();
    schedule.tell("all faults are over");
  }

  function sweeping(): void {
    coordinator.sweep();
    schedule.at(plan.settings.sessionMs / 3, "sweep", sweeping);
  }

  broker.ensureTopics(
    (config.WAYMARK_PARTITIONS as [string, number][]).map(([topic, partitions]) => ({
      topic: topic === "city-partials" ? "city-partials-g1" : topic,
      partitions,
      retentionMs: 60 * minuteMs,
    })),
  );
  sweeping();
  produce({ plan, config, network, broker, unsent: (by) => void (unsent += by) });
  return installation;
}

export const hostsOf = ({ pipeline }: Process) =>
  pipeline === null ? [] : [...pipeline.rides, ...pipeline.locations, ...pipeline.cities];
