/**
 * The systems that are compared: how each is started on a filled topic, and what it does less or more than the others.
 *
 * Their programs are beside this file. Settings are those that its own experts would choose for this machine; what was
 * tried and rejected is in README.md.
 */
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { minuteMs } from "../../src/time.ts";
import { runToEnd } from "../../src/commands/services/launched.ts";

export type Place = {
  brokers: string;
  redisUrl: string;
  prefix: string;
  input: string;
  /** How long a window is; it slides by a minute. */
  windowMs: number;
  folder: string;
  port: number;
};

export type System = {
  /** What `--systems` calls it. */
  name: string;
  label: string;
  /** Of bench/peers/pom.xml; none: nothing is to be made. */
  module?: string;
  /** What it needs of Python, in an environment of its own; none: it is not written in Python. */
  wheels?: readonly string[];
  /** Topic of its results; `own`: it makes the topic itself. */
  output: { topic(prefix: string): string; own: boolean };
  start(place: Place): { command: string; args: string[]; env?: Record<string, string> };
  /** Beside the query. */
  differs: string;
  /** Whether windows are published before they close: only then is there a latency to measure. */
  updates?: false;
};

export const home = fileURLToPath(new URL("../..", import.meta.url));
const here = fileURLToPath(new URL(".", import.meta.url));
/** Where Maven puts what it makes, so that the checkout stays as it is. */
export const madeFolder = join(homedir(), ".cache", "waymark", "peers");

const opened = ["lang", "lang.invoke", "lang.reflect", "math", "net", "nio", "text", "time", "util"].flatMap((
  name,
) => ["--add-opens", `java.base/java.${name}=ALL-UNNAMED`]);
const openedForSpark = ["util.concurrent", "util.concurrent.atomic", "io"].flatMap((name) => [
  "--add-opens",
  `java.base/java.${name}=ALL-UNNAMED`,
]);

/** The Python of a system's own environment. */
const environment = (name: string): string => join(madeFolder, name, "bin", "python");

function java(module: string, main: string, more: string[] = []) {
  const classes = `${join(madeFolder, module, `${module}-1.jar`)}:${
    join(madeFolder, module, "dependency", "*")
  }`;
  return (place: Place, output: string) => ({
    command: "java",
    args: [
      ...[
        "-Xms1g",
        "-Xmx3g",
        "-XX:+UseParallelGC",
        `-Djava.io.tmpdir=${join(place.folder, "state")}`,
        ...opened,
        ...more,
        "-cp",
        classes,
        `waymark.peers.${main}`,
      ],
      ...[place.brokers, place.input, output, join(place.folder, "state")],
    ],
  });
}

function peer(
  name: string,
  label: string,
  differs: string,
  start: (place: Place, output: string) => ReturnType<System["start"]>,
  module?: string,
): System {
  const topic = (prefix: string) => `${prefix}out-${name}`;
  return {
    ...{ name, label, differs, output: { topic, own: false } },
    start(place) {
      const { env = {}, ...started } = start(place, topic(place.prefix));
      return { ...started, env: { ...env, WINDOW_MINUTES: String(place.windowMs / minuteMs) } };
    },
    ...(module !== undefined && { module }),
  };
}

/** It makes the topics of its results itself, and so needs input of its own. */
function waymark(
  name: string,
  label: string,
  differs: string,
  more: (place: Place) => Record<string, string> = () => ({}),
): System {
  return {
    ...{ name, label, differs },
    output: { topic: (prefix) => `${prefix}analytics-aggregated`, own: true },
    start: (place) => ({
      command: Deno.execPath(),
      args: ["run", "--no-prompt", "--no-check", "-A", "src/main.ts", "start"],
      env: {
        KAFKA_BROKERS: place.brokers,
        WAYMARK_TOPIC_PREFIX: place.prefix,
        WAYMARK_GROUP: `${place.prefix}waymark`,
        WAYMARK_DATA_DIR: join(place.folder, "state"),
        WAYMARK_PORT: String(place.port),
        WAYMARK_CLICKHOUSE: "off",
        WAYMARK_WINDOW_MS: String(place.windowMs),
        ...more(place),
      },
    }),
  };
}

/** `updateMs`: the time between updates, a second unless given. */
function windowsOnly(...updateMs: string[]) {
  return (place: Place, output: string) => ({
    command: Deno.execPath(),
    args: [
      ...["run", "--no-check", "-A", join(here, "waymark_windows.ts")],
      ...[place.brokers, place.input, output, ...updateMs],
    ],
  });
}

const plain = (place: Place, output: string) => [
  join(here, "plain_kafkajs.mjs"),
  ...[place.brokers, place.input, output],
];

export const systems: readonly System[] = [
  waymark(
    "waymark",
    "Waymark",
    "more: every event checked, duplicates removed by event_id, a state machine and a fact per ride, windows every " +
      "100 ms with 14 more figures, partials through Kafka, snapshots, state over HTTP",
  ),
  waymark("waymark-1s", "Waymark, updates every second", "as above, with the updates of the others", () => ({
    WAYMARK_FLUSH_MS: "1000",
  })),
  waymark(
    "waymark-2-workers",
    "Waymark, two workers",
    "as Waymark, in two processes that share the partitions, with snapshots in Redis",
    ({ redisUrl, prefix }) => ({
      WAYMARK_WORKERS: "2",
      REDIS_URL: redisUrl,
      WAYMARK_REDIS_PREFIX: `${prefix.slice(0, -1)}:`,
    }),
  ),
  peer(
    "waymark-windows",
    "Waymark, windows only",
    "the same work, by Waymark's own parts: every event checked; no duplicates removed, no state of rides, no snapshots",
    windowsOnly(),
  ),
  peer(
    "waymark-windows-100ms",
    "Waymark, windows only, 100 ms",
    "as above, with Waymark's usual updates",
    windowsOnly("100"),
  ),
  peer(
    "kafkajs-deno",
    "plain kafkajs, Deno",
    "less: no check, no duplicates removed, no snapshots: a crash loses the state",
    (place, output) => ({ command: Deno.execPath(), args: ["run", "-A", ...plain(place, output)] }),
  ),
  peer(
    "kafkajs-node",
    "plain kafkajs, Node",
    "as on Deno",
    (place, output) => ({ command: "node", args: plain(place, output) }),
  ),
  peer(
    "flink-process",
    "Flink, own process function",
    "less: no check, no duplicates removed. Checkpoints every 10 s, updates every second",
    java("flink", "FlinkProcess"),
    "flink",
  ),
  peer(
    "flink-process-100ms",
    "Flink, own function, 100 ms",
    "as above, with Waymark's usual updates",
    java("flink", "FlinkProcess", ["-Dwaymark.update.ms=100"]),
    "flink",
  ),
  {
    ...peer(
      "flink-sql",
      "Flink SQL",
      "less: no duplicates removed, final rows only. Checkpoints every 10 s",
      java("flink", "FlinkSql"),
      "flink",
    ),
    updates: false,
  },
  peer(
    "kafka-streams",
    "Kafka Streams",
    "less: no check, no duplicates removed, and lateness of three hours instead of 30 s, without which a backlog " +
      "loses most of its counts. State in memory with changelog topics, updates every second",
    java("kafka_streams", "Streams"),
    "kafka_streams",
  ),
  peer(
    "spark",
    "Spark Structured Streaming",
    "less: no duplicates removed. Updates per micro-batch; exact distinct through collect_set, since " +
      "count(distinct) is refused on streams",
    java("spark", "SparkWindows", openedForSpark),
    "spark",
  ),
  {
    ...peer(
      "bytewax",
      "Bytewax",
      "less: no check, no duplicates removed, no recovery store: a crash loses the state. Lateness of three hours, as " +
        "for Kafka Streams; updates every second",
      ({ brokers, input }, output) => ({
        command: environment("bytewax"),
        args: ["-m", "bytewax.run", `bytewax_windows:flow("${brokers}", "${input}", "${output}")`],
        env: { PYTHONPATH: here },
      }),
    ),
    wheels: ["bytewax==0.21.1", "confluent-kafka==2.16.1", "orjson==3.13.0"],
  },
];

/** Throws on a name that is none. */
export function systemsNamed(names: string): System[] {
  return names.split(",").map((wanted) => {
    const system = systems.find(({ name }) => name === wanted);
    if (system === undefined) {
      throw new Error(`--systems has "${wanted}"; allowed: ${systems.map((s) => s.name)}`);
    }
    return system;
  });
}

/** Has Maven make those that are written in Java, and pip fetch what those in Python need. */
export async function makeSystems(chosen: readonly System[]): Promise<void> {
  for (const { name, wheels } of chosen) if (wheels !== undefined) await makeEnvironment(name, wheels);
  const goals = ["package", "dependency:copy-dependencies", "-DincludeScope=runtime"];
  const modules = [...new Set(chosen.flatMap(({ module }) => module === undefined ? [] : [module]))];
  if (modules.length === 0) return;
  const project = ["-f", join(home, "bench/peers/pom.xml"), `-Dmade=${madeFolder}`];
  const advice = "The other systems are made with Maven; install it (Debian: apt-get install maven)";
  const names = ["ride_event", ...modules].join(",");
  await runToEnd("mvn", ["-q", "-B", ...project, "-pl", names, ...goals], advice);
}

async function makeEnvironment(name: string, wheels: readonly string[]): Promise<void> {
  const advice =
    "Python makes an environment for it; install python3 with venv (Debian: apt-get install python3-venv)";
  await runToEnd("python3", ["-m", "venv", join(madeFolder, name)], advice);
  await runToEnd(environment(name), ["-m", "pip", "install", "--quiet", ...wheels], advice);
}
