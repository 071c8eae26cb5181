/**
 * Which disasters strike when, drawn from a seed. Pure: the same seed and the same wishes give the same rounds.
 *
 *   round   ├── kafka_reset ──┤                        healed: everything must be caught up in time ──► pause ──► next
 *              ├─ kill ─┤
 *           ├──── clickhouse_disk_full ────┤
 *
 * Kinds are dealt like cards: every kind comes before any comes again. Disasters of one round strike different
 * targets, at different moments, so that most combinations of two come up in a long run.
 */
import { type Random, randomFrom } from "../../src/traffic/random.ts";

export const targets = ["workers", "kafka", "redis", "clickhouse", "embedded"] as const;
export type Target = typeof targets[number];

/** In what ways a network fails. */
export const toxics = ["latency", "drop", "half_open", "cut", "reset", "slow"] as const;
export type Toxic = typeof toxics[number];
export type Networked = Exclude<Target, "workers" | "embedded">;

type Kind = {
  target: Target;
  /** Seconds that it lasts: at least, at most. */
  lasts: readonly [number, number];
  /** Cards of it in the deck. */
  cards?: number;
  /** Not in a short run: it lasts, or its after-effects do, longer than such a run has. */
  isLong?: true;
  about: string;
};

const lastsOf: Record<Toxic, readonly [number, number]> = {
  latency: [3, 20],
  drop: [3, 25],
  half_open: [3, 10],
  cut: [3, 40],
  reset: [3, 15],
  slow: [3, 25],
};
const aboutOf: Record<Toxic, string> = {
  latency: "everything comes later, each way",
  drop: "bytes of one direction vanish; afterwards the connections are cut",
  half_open: "open connections go silent for good, new ones are well",
  cut: "nothing goes through, nobody is told, later everything does",
  reset: "connections are cut off as soon as they come",
  slow: "a narrow line, 50 kB/s each way of each connection",
};

const networkKinds = Object.fromEntries(
  (["kafka", "redis", "clickhouse"] as const).flatMap((target) =>
    toxics.map((toxic) => [`${target}_${toxic}`, {
      target,
      lasts: lastsOf[toxic],
      about: `network to ${target}: ${aboutOf[toxic]}`,
      // Twenty seconds until a silent connection to a broker is given up.
      ...(target === "kafka" && toxic === "half_open" && { isLong: true as const }),
    }])
  ),
) as Record<`${Networked}_${Toxic}`, Kind>;

export const kinds = {
  kill: { target: "workers", lasts: [1, 4], cards: 4, about: "SIGKILL of a process, begun again" },
  kill_long: {
    target: "workers",
    lasts: [18, 30],
    isLong: true,
    about: "SIGKILL of a process, begun again after its session",
  },
  kill_storm: {
    target: "workers",
    lasts: [20, 40],
    isLong: true,
    about: "SIGKILL in rotation, every five seconds",
  },
  stop: { target: "workers", lasts: [4, 12], about: "SIGSTOP of a process within its session" },
  stop_long: {
    target: "workers",
    lasts: [20, 45],
    isLong: true,
    about: "SIGSTOP of a process beyond its session",
  },
  churn: {
    target: "workers",
    lasts: [30, 60],
    isLong: true,
    about: "a process joins or leaves every two to five seconds, drained or killed",
  },
  rolling: {
    target: "workers",
    lasts: [0, 0],
    isLong: true,
    about: "SIGTERM and a new start of each process",
  },
  clock_jump: {
    target: "workers",
    lasts: [3, 20],
    about: "the wall clock of a process steps by up to an hour, and back",
  },
  ...networkKinds,
  leader_restart: {
    target: "kafka",
    lasts: [1, 10],
    isLong: true,
    about: "SIGTERM of the broker that leads a partition",
  },
  leader_kill: { target: "kafka", lasts: [1, 10], about: "SIGKILL of the broker that leads a partition" },
  coordinator_kill: {
    target: "kafka",
    lasts: [1, 10],
    isLong: true,
    about: "SIGKILL of the broker that coordinates the group",
  },
  controller_restart: {
    target: "kafka",
    lasts: [1, 10],
    about: "SIGTERM of the broker that is the controller",
  },
  controller_kill: {
    target: "kafka",
    lasts: [1, 10],
    isLong: true,
    about: "SIGKILL of the broker that is the controller",
  },
  brokers_away: { target: "kafka", lasts: [5, 20], isLong: true, about: "SIGKILL of all brokers at once" },
  broker_disk_full: {
    target: "kafka",
    lasts: [3, 10],
    isLong: true,
    about: "the disk of a broker is full; the broker is begun again if it ended",
  },
  redis_wipe: { target: "redis", lasts: [0, 0], about: "FLUSHALL" },
  redis_kill: { target: "redis", lasts: [1, 15], about: "SIGKILL of Redis, which comes back empty" },
  clickhouse_kill: { target: "clickhouse", lasts: [1, 15], about: "SIGKILL of ClickHouse" },
  embedded_disk_full: {
    target: "embedded",
    lasts: [3, 20],
    about: "the disk of a process with everything in its data directory is full",
  },
  clickhouse_disk_full: { target: "clickhouse", lasts: [4, 20], about: "the disk of ClickHouse is full" },
} as const satisfies Record<string, Kind>;

export type KindName = keyof typeof kinds;
export const kindNames = Object.keys(kinds) as KindName[];
export const kindOf = (name: KindName): Kind => kinds[name];

export type Stroke = {
  kind: KindName;
  /** Seconds after the beginning of the round. */
  atSeconds: number;
  forSeconds: number;
  /** At least 0, below 1: chooses its victims. */
  draw: number;
};

export type Round = { strokes: Stroke[]; pauseSeconds: number };

export type ScheduleOptions = {
  seed: number;
  /** Which kinds; all unless given. */
  only?: readonly KindName[];
  /** Those that are quick, or named, for a moment each, as many at once as there are targets. */
  short?: boolean;
  /** Until every card was dealt once, instead of without end. */
  once?: boolean;
};

/** How many disasters a round has, each as likely as the others. */
const atOnce = [1, 1, 1, 2, 2, 2, 3, 3, 4];

/** Without end, unless `once`: whoever runs them stops when the time is over. */
export function* schedule(
  { seed, only = kindNames, short = false, once = false }: ScheduleOptions,
): Generator<Round> {
  const random = randomFrom(seed, "chaos");
  const wanted = short && only === kindNames ? only.filter((name) => !kindOf(name).isLong) : only;
  for (let deck = shuffled(dealt(wanted, short), random);;) {
    if (deck.length === 0) {
      if (once) return;
      deck = shuffled(dealt(wanted, short), random);
    }
    const count = short ? targets.length : atOnce[random.below(atOnce.length)]!;
    const names = [deck.shift()!];
    for (const name of [...deck]) {
      const isFree = names.every((taken) => kindOf(taken).target !== kindOf(name).target);
      if (!isFree || names.length === count) continue;
      deck.splice(deck.indexOf(name), 1);
      names.push(name);
    }
    const strokes = names.map((kind): Stroke => ({
      kind,
      atSeconds: short ? 0 : Math.round(random.between(0, 30)) / 10,
      forSeconds: lastingOf(kind, random, short),
      draw: random.uniform(),
    }));
    yield { strokes, pauseSeconds: short ? 0.5 : Math.round(random.between(10, 50)) / 10 };
  }
}

/**
 * Nothing drawn: processes killed in rotation, one stopped beyond its session while the others go on being killed, one
 * FLUSHALL; then each drained and begun again. `seconds` is how long the killing lasts.
 */
export function rotation(seconds: number): Round[] {
  const stopSeconds = 45;
  const stopAt = Math.max(0, Math.round((seconds - stopSeconds) / 2));
  const under: Stroke[] = [
    { kind: "kill_storm", atSeconds: 0, forSeconds: seconds, draw: 0 },
    { kind: "redis_wipe", atSeconds: Math.round(stopAt / 2), forSeconds: 0, draw: 0 },
    { kind: "stop_long", atSeconds: stopAt, forSeconds: stopSeconds, draw: 0 },
  ];
  const after: Stroke[] = [{ kind: "rolling", atSeconds: 0, forSeconds: 0, draw: 0 }];
  return [under, after].map((strokes) => ({ strokes, pauseSeconds: 1 }));
}

/** Nothing drawn but who and when: members come and go all the time, for `seconds`. */
export function churning(seconds: number, seed: number): Round[] {
  const draw = randomFrom(seed, "chaos").uniform();
  return [{ strokes: [{ kind: "churn", atSeconds: 0, forSeconds: seconds, draw }], pauseSeconds: 1 }];
}

function dealt(names: readonly KindName[], short: boolean): KindName[] {
  return names.flatMap((name) => new Array<KindName>(short ? 1 : kindOf(name).cards ?? 1).fill(name));
}

function lastingOf(name: KindName, random: Random, short: boolean): number {
  const [least, most] = kindOf(name).lasts;
  return short ? least : Math.round(10 * random.between(least, most)) / 10;
}

function shuffled<T>(cards: T[], random: Random): T[] {
  for (let i = cards.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [cards[i], cards[j]] = [cards[j]!, cards[i]!];
  }
  return cards;
}
