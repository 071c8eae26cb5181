/** The disasters of a plan, each at its time: what is done to the installation, in the words of the story. */
import { minuteMs, secondMs } from "../../src/time.ts";
import { randomFrom } from "../../src/traffic/random.ts";
import { hostsOf, type Installation } from "./installation.ts";
import type { Disaster } from "./plan.ts";
import type { Process } from "./process.ts";
import type { Link, ServiceName } from "./wire.ts";

/** How long a crash waits for its moment before it strikes anyway. */
const momentMs = 3 * minuteMs;

export function scheduleDisasters(installation: Installation): void {
  installation.plan.disasters.forEach((disaster, n) => {
    installation.schedule.at(disaster.atMs, `disaster ${disaster.name}`, () => {
      if (installation.plan.disasters.length > 0) strike(installation, disaster, n);
    });
  });
}

function strike(installation: Installation, disaster: Disaster, n: number): void {
  const { schedule, points, broker, network, links, plan, store } = installation;
  const { name, forMs, pick } = disaster;
  const say = (text: string) => schedule.tell(`[${n}] ${text}`);
  const process = pickOf(installation.processes.filter((p) => p.place.state === "running"), pick);
  const random = randomFrom(plan.seed, `disaster ${n}`);

  const away = (service: ServiceName, point: "log_down" | "store_down" | "clickhouse_down") => {
    points.sometimes(point);
    say(`${service} is away for ${seconds(forMs)}`);
    network.down.add(service);
    schedule.at(forMs, "back", () => {
      if (network.down.delete(service)) say(`${service} is back`);
    });
  };
  const cut = (link: Link) => {
    if (process === undefined) return;
    const service = (["", "log", "store", "clickhouse"] as const)[random.below(4)]!;
    const key = service === "" ? process.place.name : `${process.place.name} ${service}`;
    say(
      `${process.place.name} is cut off${service === "" ? "" : ` from ${service}`} (${link}) for ${
        seconds(forMs)
      }`,
    );
    links.set(key, link);
    schedule.at(forMs, "healed", () => void links.delete(key));
  };
  const crashWhen = (when: (process: Process) => boolean) => {
    const untilMs = schedule.nowMs() + momentMs;
    installation.moments.push(() => {
      const caught = installation.processes.find((p) => p.place.state !== "gone" && when(p));
      if (caught !== undefined) installation.kill(caught, forMs);
      return caught !== undefined || schedule.nowMs() > untilMs;
    });
  };

  switch (name) {
    case "crash":
      if (process !== undefined) installation.kill(process, forMs);
      break;
    case "crash_publishing":
      crashWhen((p) => p.busy.append > 0);
      break;
    case "crash_snapshotting":
      crashWhen((p) => p.busy.store > 0);
      break;
    case "crash_committing":
      crashWhen((p) => p.busy.commit > 0);
      break;
    case "crash_restoring":
      crashWhen((p) => p.pipeline === null || hostsOf(p).some((host) => host.restoring.size > 0));
      break;
    case "stop":
      if (process === undefined) break;
      points.sometimes("stop");
      say(`${process.place.name} is stopped for ${seconds(forMs)}`);
      process.place.state = "stopped";
      schedule.at(forMs, "go on", () => {
        if (process.place.state !== "stopped") return;
        say(`${process.place.name} goes on`);
        schedule.resume(process.place);
      });
      break;
    case "drain":
      if (process !== undefined) installation.drain(process, forMs);
      break;
    case "join":
      if (installation.processes.length < 5) installation.start();
      break;
    case "cut":
      cut("cut");
      break;
    case "cut_one_way":
      cut("replies_cut");
      break;
    case "log_down":
      away("log", "log_down");
      break;
    case "store_down":
      away("store", "store_down");
      break;
    case "clickhouse_down":
      away("clickhouse", "clickhouse_down");
      break;
    case "store_wiped":
      points.sometimes("snapshot_wiped");
      say("the snapshot store is emptied");
      store.wipe();
      break;
    case "store_stale": {
      const steps = 5 + random.below(60);
      points.sometimes("snapshot_stale");
      say(`the snapshot store goes back by ${steps} writes`);
      store.goBack(steps);
      break;
    }
    case "log_clock": {
      const byMs = Math.round(random.between(-40, 40)) * secondMs;
      points.sometimes("log_clock_stepped");
      say(`the log's clock steps by ${byMs / secondMs} s`);
      broker.stepClock(byMs);
      break;
    }
    case "wall_clock": {
      if (process === undefined) break;
      const byMs = (random.chance(0.5) ? 1 : -1) * Math.round(random.between(1, 60)) * minuteMs;
      points.sometimes("wall_clock_stepped");
      say(`the wall clock of ${process.place.name} steps by ${byMs / minuteMs} min`);
      process.clock.stepWall(byMs);
      break;
    }
    case "trim":
      trimBelowSnapshots(installation, say);
      break;
    default:
      foreign(installation, disaster, say);
  }
}

/** As the embedded log does it: what every kept snapshot and the sink are past goes. */
function trimBelowSnapshots(installation: Installation, say: (text: string) => void): void {
  const { broker, store, points, config } = installation;
  for (const [topic, stage] of stagesOf) {
    const sink = broker.committed(`${config.WAYMARK_GROUP}-clickhouse`, topic);
    for (const { partition } of broker.partitions(topic)) {
      const offsets = store.manifestsOf(`${config.WAYMARK_GROUP}-${stage}-g1/${topic}/${partition}`)
        .map((m) => m.offset);
      const isSunk = topic !== "city-partials-g1";
      const floor = Math.min(
        offsets.length < 3 ? 0 : Math.min(...offsets),
        isSunk ? sink[partition]?.offset ?? 0 : Infinity,
      );
      const dropped = broker.trim({ topic, partition }, floor);
      if (dropped === 0) continue;
      points.sometimes("trimmed");
      say(`${topic}/${partition} begins at ${floor} now: ${dropped} records are let go`);
    }
  }
}

export const stagesOf = [
  ["ride-events", "rides"],
  ["driver-locations", "locations"],
  ["city-partials-g1", "cities"],
] as const;

/** The log is not what it was. It is away for a while, as it is when somebody does such a thing. */
function foreign(installation: Installation, { name, pick }: Disaster, say: (text: string) => void): void {
  const { broker, network, points, schedule } = installation;
  const topic = pick < 0.5 ? "ride-events" : "driver-locations";
  const partition = Math.floor(pick * 1_000) % broker.partitions(topic).length;
  let afterwards = () => {};
  network.down.add("log");
  schedule.at(2 * secondMs, "foreign", () => {
    const p = broker.partition({ topic, partition });
    const snapshots = newestSnapshots(installation, topic);
    if (name === "log_replaced") {
      points.sometimes("log_replaced");
      say(`${topic} is deleted and made again`);
      if (snapshots.some((offset) => (offset ?? 0) > 0)) {
        installation.mustRefuse = `${topic} was made again after it had been folded and snapshotted`;
      }
      broker.replace(topic);
    } else if (name === "log_rolled_back") {
      points.sometimes("log_rolled_back");
      const gone = broker.rollBack({ topic, partition }, 3 + Math.floor(pick * 40));
      say(`${topic}/${partition} loses its newest ${gone} records and ends at ${p.end}`);
      if ((snapshots[partition] ?? 0) > p.end) {
        installation.mustRefuse =
          `${topic}/${partition} was rolled back to ${p.end}, its snapshot being at ` +
          `${snapshots[partition]}`;
      }
    } else {
      // Everybody is away until the records that they need are gone.
      for (const process of [...installation.processes]) installation.kill(process, 5 * secondMs);
      points.sometimes("log_trimmed_too_far");
      // Snapshots that were on their way when everybody was killed arrive meanwhile.
      afterwards = () => {
        const snapshot = newestSnapshots(installation, topic)[partition];
        if (snapshot !== undefined && snapshot < p.start) {
          installation.mustRefuse =
            `${topic}/${partition} was trimmed to ${p.start}, its snapshot being at ${snapshot}`;
        }
      };
      broker.trim({ topic, partition }, p.end);
      say(`${topic}/${partition} begins at ${p.start} now: its retention was shorter than the outage`);
    }
    schedule.at(3 * secondMs, "back", () => {
      network.down.delete("log");
      afterwards();
    });
  });
}

/** By partition: undefined where the store has none. */
function newestSnapshots({ broker, store, config }: Installation, topic: string): (number | undefined)[] {
  const stage = topic === "ride-events" ? "rides" : "locations";
  return broker.partitions(topic).map(({ partition }) =>
    store.manifestsOf(`${config.WAYMARK_GROUP}-${stage}-g1/${topic}/${partition}`)[0]?.offset
  );
}

const pickOf = <T>(values: readonly T[], pick: number): T | undefined =>
  values[Math.floor(pick * values.length)];

const seconds = (ms: number) => `${Math.round(ms / secondMs)} s`;
