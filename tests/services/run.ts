/**
 * The suites over real services: starts what they need on loopback, runs them, ends what it started.
 *
 *   npm run test:services [-- redis | clickhouse | kafka | sink | strangers | redis_faults | refusals …]     all, unless named
 *
 * A suite that cannot run, or skips something, counts as failed. Closing line: `N passed, N failed`.
 */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { startServices, stopServices } from "../../src/commands/services.ts";
import { end } from "../../src/commands/services/launched.ts";
import { measuredFile } from "../browser/browser.ts";
import { longTests } from "../long.ts";
import { runTests } from "../test_process.ts";
import { secondMs, systemClock } from "../../src/time.ts";
import { startRedis } from "../../src/commands/services/redis_server.ts";
import { headerHelp } from "../header_help.ts";

headerHelp(import.meta.url);

const suites = {
  redis: ["redis_snapshots_test.ts"],
  clickhouse: ["clickhouse_clients_test.ts"],
  kafka: [
    "tcp_proxy_test.ts",
    "topics_test.ts",
    "traffic_kafka_test.ts",
    "notifiers_kafka_test.ts",
    ...[
      "log",
      "groups",
      "instances",
      "records",
      "times",
      "sizes",
      "pitfalls",
      "rebalance",
      "security",
      "network",
      "faults",
    ]
      .map((name) => `kafka_${name}_test.ts`),
  ],
  kafka_engine: ["kafka_engine_test.ts"],
  sink: ["sink_faults_test.ts"],
  strangers: ["strangers_test.ts"],
  erasure: ["erasure_test.ts"],
  bench: ["peers_test.ts"],
  // These start services of their own.
  redis_faults: ["redis_access_test.ts", "redis_faults_test.ts"],
  refusals: ["refusals_kafka_test.ts"],
  releases: ["releases_kafka_test.ts"],
  prometheus: ["prometheus_test.ts"],
  alertmanager: ["alertmanager_test.ts"],
  // An embedded process of its own, and Python's packages.
  fuzz: ["fuzz_test.ts"],
  demo: ["demo_test.ts"],
  // A real Chromium before the pages.
  browser: ["pages", "live", "acting", "service"].map((name) => `../browser/${name}_test.ts`),
  // These need no service, but npm and Python's packages.
  containers: ["container_tools_test.ts", "image_layout_test.ts"],
  // These need nothing but time.
  long: longTests.map((file) => relative("tests/services", file)),
};
type Service = keyof typeof suites;

/** They use what is started for all of them. The others know nothing of it: a process of theirs would join in. */
const sharing: readonly Service[] = [
  "redis",
  "kafka",
  "kafka_engine",
  "sink",
  "strangers",
  "erasure",
  "bench",
];
const lanes = 3;
const longest: readonly Service[] = ["sink", "browser", "long", "kafka", "fuzz", "redis_faults", "refusals"];
/** Lower begins earlier. */
const place = (suite: Service): number => longest.includes(suite) ? longest.indexOf(suite) : longest.length;

const wanted = (Deno.args.length > 0 ? Deno.args : Object.keys(suites)) as Service[];
if (!wanted.every((name) => Object.hasOwn(suites, name))) {
  console.error(`usage: run.ts [${Object.keys(suites).join("] [")}]`);
  Deno.exit(2);
}

const home = await mkdtemp(join(tmpdir(), "waymark-services-"));
const folder = join(home, "services");
try {
  const { variables, stop } = await start();
  try {
    const total = { passed: 0, failed: 0 };
    const pictures = await mkdtemp(join(tmpdir(), "waymark-pictures-"));
    // Suites mostly wait, for sessions that end and brokers that come back: some go side by side, the longest first.
    const queue = [...wanted].sort((a, b) => place(a) - place(b));
    const lane = async () => {
      for (let suite = queue.shift(); suite !== undefined; suite = queue.shift()) {
        const shared = sharing.includes(suite) ? variables : {};
        const { passed, failed } = await run(suite, { ...shared, TEST_PICTURES: pictures });
        if (suite === "browser") await tellMeasured(pictures);
        total.passed += passed;
        total.failed += failed;
      }
    };
    await Promise.all(Array.from({ length: lanes }, lane));
    console.log(`${total.passed} passed, ${total.failed} failed`);
    if (total.failed > 0) Deno.exitCode = 1;
  } finally {
    await stop();
  }
} finally {
  await rm(home, { recursive: true, force: true });
}

async function start(): Promise<{ variables: Record<string, string>; stop(): Promise<void> }> {
  if (wanted.some((suite) => suite !== "redis" && sharing.includes(suite))) {
    const { variables } = await startServices({ folder });
    return {
      variables: { ...variables, TEST_SERVICES_FOLDER: folder },
      stop: () => stopServices(folder),
    };
  }
  if (!wanted.includes("redis")) return { variables: {}, stop: () => Promise.resolve() };
  const redis = await startRedis(folder);
  return { variables: { REDIS_URL: redis.url }, stop: () => end([redis.process]) };
}

/** Pictures of the pages stay where they are, to be looked at. */
async function tellMeasured(pictures: string): Promise<void> {
  console.log(await readFile(join(pictures, measuredFile), "utf8").catch(() => "nothing was measured"));
  console.log(`pictures of the pages: ${pictures}`);
}

type Counts = { passed: number; failed: number };

/** In a process of its own: the embedded ClickHouse of one suite must not be that of the next. */
async function run(suite: Service, variables: Record<string, string>): Promise<Counts> {
  const beganMs = systemClock.monotonicMs();
  const files = suites[suite].map((file) => `tests/services/${file}`);
  const { passed, failed, skipped, output } = await runTests(files, variables);
  const counts = { passed, failed: failed + skipped };
  if (counts.failed > 0) console.log(output);
  const seconds = Math.round((systemClock.monotonicMs() - beganMs) / secondMs);
  console.log(`${suite}: ${counts.passed} passed, ${counts.failed} failed, ${seconds} s`);
  return counts;
}
