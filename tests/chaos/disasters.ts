/** What each kind of disaster does, and how it is healed. What it does to nobody else is in schedule.ts. */
import { createClient } from "redis";
import { topicName } from "../../src/log/topics.ts";
import { groupName } from "../../src/runtime/host.ts";
import { systemClock } from "../../src/time.ts";
import type { Bed } from "./bed.ts";
import { startChurn } from "./churn.ts";
import type { Broker } from "./servers.ts";
import type { Disk } from "./disks.ts";
import type { Loss, Recoveries } from "./recoveries.ts";
import { type KindName, type Networked, type Stroke, type Toxic, toxics } from "./schedule.ts";
import { ask, until, type Worker } from "./workers.ts";

/** A disaster that goes on until it is healed, or why it cannot be run here. */
export type Struck = { told: string; heal(): Promise<void> } | { notRun: string };

export type Disasters = {
  strike(stroke: Stroke): Promise<Struck>;
  /** How many processes were killed, stopped, asked to end, and came back during a churn. */
  done: { kills: number; stops: number; drains: number; joins: number };
};

/** Until every partition has been snapshotted again after a wipe: the default interval and a half. */
const snapshotsBackMs = 45_000;
const stepsSeconds = [3_600, -3_600, 90, -90, 2, -2];

export type DisastersOptions = {
  recoveries: Recoveries;
  /** Between two kills of a storm. */
  stormEveryMs: number;
};

export function makeDisasters(bed: Bed, { recoveries, stormEveryMs }: DisastersOptions): Disasters {
  const { workers, cluster, networks, redis, clickHouse, disks, clock } = bed;
  const done = { kills: 0, stops: 0, drains: 0, joins: 0 };
  const stoppedNow = new Set<Worker>();
  let wipedMs = -Infinity;

  const chosen = <T>(of: readonly T[], draw: number): T => of[Math.floor(draw * of.length)]!;

  function kill(worker: Worker): void {
    if (!worker.running()) return;
    const how: Loss = systemClock.monotonicMs() < wipedMs + snapshotsBackMs ? "wiped" : "killed";
    worker.signal("SIGKILL");
    recoveries.lost(worker, how);
    done.kills++;
  }

  function drain(worker: Worker): void {
    recoveries.lost(worker, "drained");
    worker.signal("SIGTERM");
    done.drains++;
  }

  async function killed(worker: Worker): Promise<Struck> {
    kill(worker);
    return {
      told: worker.name,
      heal: async () => {
        await until(`${worker.name} has ended`, async () => !worker.running(), 10_000);
        if (!worker.running()) worker.start();
      },
    };
  }

  async function storm(first: number): Promise<Struck> {
    const over = new AbortController();
    const killing = (async () => {
      for (let turn = first; !over.signal.aborted; turn++) {
        const worker = workers[turn % workers.length]!;
        // One that is stopped is to go on as the one it was; its turn passes.
        if (!stoppedNow.has(worker)) kill(worker);
        await systemClock.sleep(1_000);
        if (!worker.running()) worker.start();
        await systemClock.sleep(stormEveryMs - 1_000, over.signal);
      }
    })();
    return {
      told: "all in rotation",
      heal: async () => {
        over.abort();
        await killing;
        for (const worker of workers) if (!worker.running()) worker.start();
      },
    };
  }

  async function stopped(worker: Worker): Promise<Struck> {
    worker.signal("SIGSTOP");
    recoveries.lost(worker, "stopped");
    stoppedNow.add(worker);
    done.stops++;
    return {
      told: worker.name,
      heal: async () => {
        worker.signal("SIGCONT");
        stoppedNow.delete(worker);
      },
    };
  }

  async function churned(draw: number): Promise<Struck> {
    const churn = startChurn(workers, {
      ...{ draw, kill, drain },
      isStopped: (worker) => stoppedNow.has(worker),
      joined: () => done.joins++,
    });
    return { told: `seed ${draw}`, heal: churn.end };
  }

  /** One after the other: drained, gone, begun again, there. */
  async function rolling(): Promise<Struck> {
    for (const worker of workers) {
      drain(worker);
      await until(`${worker.name} has ended`, async () => !worker.running(), 40_000);
      if (!worker.running()) worker.start();
      await until(`${worker.name} answers`, async () => await ask(`${worker.url}/livez`) !== null, 60_000);
    }
    return { told: "each in turn", heal: () => Promise.resolve() };
  }

  async function clockJump(draw: number): Promise<Struck> {
    if (typeof clock === "string") return { notRun: clock };
    const seconds = chosen(stepsSeconds, draw);
    await clock.step(seconds);
    return { told: `${workers.at(-1)!.name}, ${seconds} s`, heal: () => clock.step(0) };
  }

  async function broker(id: number, signal: "SIGTERM" | "SIGKILL"): Promise<Struck> {
    const found = cluster.brokers.find((b) => b.id === id) ?? cluster.brokers[0]!;
    await found.end(signal);
    return { told: `${found.name}, ${signal}`, heal: () => found.begin() };
  }

  async function leader(draw: number): Promise<number> {
    const leaders = await cluster.nodes.lookUp(topicName("ride-events", bed.naming)) ?? [];
    return chosen(leaders, draw);
  }

  async function brokersAway(): Promise<Struck> {
    await Promise.all(cluster.brokers.map((b) => b.end("SIGKILL")));
    return {
      told: "all",
      heal: async () => void await Promise.all(cluster.brokers.map((b) => b.begin())),
    };
  }

  async function wipe(): Promise<Struck> {
    wipedMs = systemClock.monotonicMs();
    const client = createClient({ url: bed.variables.REDIS_URL! });
    await client.connect();
    await client.flushAll();
    await client.close();
    return { told: "", heal: () => Promise.resolve() };
  }

  async function redisKill(): Promise<Struck> {
    wipedMs = systemClock.monotonicMs();
    await redis.end("SIGKILL");
    return { told: "", heal: () => redis.begin() };
  }

  async function clickHouseKill(): Promise<Struck> {
    await clickHouse.end("SIGKILL");
    return { told: "", heal: () => clickHouse.begin() };
  }

  async function diskFull(
    disk: Disk | string,
    server: { begin(): Promise<void>; name: string },
  ): Promise<Struck> {
    if (typeof disk === "string") return { notRun: disk };
    await disk.fill();
    return {
      told: server.name,
      heal: async () => {
        await disk.free();
        await server.begin();
      },
    };
  }

  async function embeddedDiskFull(): Promise<Struck> {
    if (bed.embedded === null) return { notRun: "there is no embedded process" };
    const { disk, refuses, takes } = bed.embedded;
    if (typeof disk === "string") return { notRun: disk };
    await disk.fill();
    await refuses();
    return {
      told: "",
      heal: async () => {
        await disk.free();
        await takes();
      },
    };
  }

  const struck: Record<
    Exclude<KindName, `${Networked}_${Toxic}`>,
    (draw: number) => Promise<Struck>
  > = {
    kill: (draw) => killed(chosen(workers, draw)),
    kill_long: (draw) => killed(chosen(workers, draw)),
    kill_storm: (draw) => storm(Math.floor(draw * workers.length)),
    stop: (draw) => stopped(chosen(workers, draw)),
    stop_long: (draw) => stopped(chosen(workers, draw)),
    churn: churned,
    rolling,
    clock_jump: clockJump,
    leader_restart: async (draw) => await broker(await leader(draw), "SIGTERM"),
    leader_kill: async (draw) => await broker(await leader(draw), "SIGKILL"),
    coordinator_kill: async () => {
      cluster.nodes.forgetCoordinator(groupOf(bed));
      return await broker(await cluster.nodes.coordinatorOf(groupOf(bed)), "SIGKILL");
    },
    controller_restart: async () => await broker(await cluster.controller(), "SIGTERM"),
    controller_kill: async () => await broker(await cluster.controller(), "SIGKILL"),
    brokers_away: brokersAway,
    broker_disk_full: () => diskFull(disks.broker, cluster.brokers.at(-1) as Broker),
    redis_wipe: wipe,
    redis_kill: redisKill,
    clickhouse_kill: clickHouseKill,
    embedded_disk_full: embeddedDiskFull,
    clickhouse_disk_full: () => diskFull(disks.clickHouse, clickHouse),
  };

  return {
    done,
    async strike({ kind, draw }) {
      for (const target of ["kafka", "redis", "clickhouse"] as const) {
        const toxic = toxics.find((name) => kind === `${target}_${name}`);
        if (toxic === undefined) continue;
        const network = networks[target];
        return { told: network.poison(toxic, draw), heal: async () => network.heal() };
      }
      return await struck[kind as keyof typeof struck](draw);
    },
  };
}

/** Of the stage that folds rides. */
const groupOf = ({ config }: Bed): string =>
  groupName(config.WAYMARK_GROUP, "rides", config.WAYMARK_GENERATION);
