/** What a chaos run is asked for, and its `--help`. */
import { parseArgs } from "node:util";
import { churning, type KindName, kindNames, kindOf, rotation, type Round } from "./schedule.ts";

export type ChaosOptions = {
  seconds: number;
  short: boolean;
  /** Its rounds are these, and none is drawn. */
  fixed: { told: string; plain: boolean; rounds: Round[] } | null;
  aliveSeconds: number;
  seed: number;
  rate: string;
  positions: string;
  processes: number;
  brokers: number;
  only: KindName[];
  keep: boolean;
};

const help = () =>
  `Disasters on real services: processes of Waymark under traffic, over a Kafka of three brokers, a Redis and a
ClickHouse that this command starts and ends; killed, stopped, cut off, wiped and filled up, drawn from a seed.
Between disasters everything must be caught up again; in the end everything must equal a batch recount.

  npm run chaos -- [--minutes 10] [--seed 1] …

  --minutes N      how long disasters go on (10)
  --short          each quick kind once, or each of --only, a few seconds each, instead of --minutes: one to two minutes
  --rotation       nothing drawn: for --minutes SIGKILL in rotation every ten seconds, one process stopped for 45 s, one
                   FLUSHALL of Redis; then each process drained and begun again. Over Kafka and Redis alone
  --churn          nothing drawn but who: for --minutes a process joins or leaves every two to five seconds
  --alive N        seconds after healing until everything must be caught up; more on a slow machine (180)
  --seed N         decides disasters and traffic (1)
  --rate N/s       records a second (2000/s)
  --positions N    share of driver positions among them (0.8)
  --processes N    processes of Waymark (3)
  --brokers N      brokers of Kafka, 1 or 3 (3)
  --only A,B       no other kinds of disasters than these
  --keep           leaves logs and outputs also when all is well
  --help           this text

Kinds (* not with --short):
${
    kindNames.map((name) =>
      `  ${(name + (kindOf(name).isLong ? " *" : "")).padEnd(22)} ${kindOf(name).about}`
    ).join("\n")
  }

Needs java (17 or later), mvn for the first start, redis-server; the right to mount a tmpfs for full disks, and
libfaketime (Debian: faketime) for stepped clocks: what cannot be run is told, and counts as failed only with --only.
The last line is \`N passed, N failed\`.`;

/** Ends the process after --help (0), and with 2 for what it does not know. */
export function readOptions(args: string[]): ChaosOptions {
  try {
    return parsed(args);
  } catch (error) {
    console.error((error as Error).message);
    Deno.exit(2);
  }
}

function parsed(args: string[]): ChaosOptions {
  const { values } = parseArgs({
    args,
    options: {
      minutes: { type: "string", default: "10" },
      short: { type: "boolean", default: false },
      rotation: { type: "boolean", default: false },
      churn: { type: "boolean", default: false },
      alive: { type: "string", default: "180" },
      seed: { type: "string", default: "1" },
      rate: { type: "string", default: "2000/s" },
      positions: { type: "string", default: "0.8" },
      processes: { type: "string", default: "3" },
      brokers: { type: "string", default: "3" },
      only: { type: "string", default: "" },
      keep: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(help());
    Deno.exit(0);
  }
  const plans = [values.rotation, values.churn, values.short || values.only !== ""];
  if (plans.filter(Boolean).length > 1) {
    throw new Error(
      "more than one of --rotation, --churn, and --short or --only is given; allowed: one of them",
    );
  }
  const number = (
    name: "minutes" | "alive" | "seed" | "processes" | "brokers",
    isFit: (n: number) => boolean,
    allowed: string,
  ) => {
    const value = Number(values[name]);
    if (values[name] !== "" && isFit(value)) return value;
    throw new Error(`--${name} is "${values[name]}"; allowed: ${allowed}`);
  };
  const only = values.only === "" ? kindNames : values.only.split(",").map((given) => {
    const found = kindNames.find((name) => name === given);
    if (found === undefined) throw new Error(`--only is "${given}"; allowed: ${kindNames.join(", ")}`);
    return found;
  });
  const seconds = 60 * number("minutes", (n) => n > 0 && n <= 24 * 60, "a number above 0, 1440 at most");
  const seed = number("seed", (n) => Number.isSafeInteger(n) && n >= 0, "a whole number");
  return {
    seconds,
    short: values.short,
    fixed: values.rotation
      ? { told: "killed in rotation", plain: true, rounds: rotation(seconds) }
      : values.churn
      ? { told: "members come and go", plain: false, rounds: churning(seconds, seed) }
      : null,
    aliveSeconds: number("alive", (n) => n > 0, "a number above 0"),
    seed,
    rate: values.rate,
    positions: values.positions,
    processes: number("processes", (n) => Number.isSafeInteger(n) && n >= 2 && n <= 16, "2 to 16"),
    brokers: number("brokers", (n) => n === 1 || n === 3, "1 or 3"),
    only,
    keep: values.keep,
  };
}
