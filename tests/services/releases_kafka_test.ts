/**
 * Row 25 by real processes on a real Kafka: two builds in one group, the newer one with a snapshot format and fields of
 * which the older one knows nothing. One process after the other goes up, and down again, under traffic; one that would
 * fold otherwise is refused meanwhile. Starts its own services.
 */
import assert from "node:assert/strict";
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import type { LedgerAnswer } from "../../schemas/http.ts";
import { type Services, startServices, stopServices } from "../../src/commands/services.ts";
import { readConfig } from "../../src/config.ts";
import { fromUtf8, utf8 } from "../../src/ids.ts";
import { openKafkaLog } from "../../src/log/kafka/log.ts";
import type { Log } from "../../src/log/port.ts";
import { topicName } from "../../src/log/topics.ts";
import { namingOf } from "../../src/node/pipeline.ts";
import { isoTime, systemClock } from "../../src/time.ts";
import { differenceOf, factsAgree, ledgerIsExact, readLeft, windowsAreExact } from "../chaos/verdicts.ts";
import { answerOf, ask, makeWorkers, until, type Worker } from "../chaos/workers.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const partitions = 4;
/** How long anything may take where suites share two cores. */
const patienceMs = 180_000;
const newest = "99.0.0";

let folder: string;
let services: Services;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "waymark-releases-"));
  services = await startServices({ folder: join(folder, "services") });
});
after(async () => {
  await stopServices(join(folder, "services"));
  await rm(folder, { recursive: true, force: true });
});

/** A copy of the tree as a next release may be: each text is replaced once. */
async function nextRelease(tree: string): Promise<void> {
  for (const name of ["src", "actors", "schemas", "sql", "deno.json", "package.json"]) {
    await cp(join(root, name), join(tree, name), { recursive: true });
  }
  await symlink(join(root, "node_modules"), join(tree, "node_modules"));
  const changes: [path: string, from: string | RegExp, to: string][] = [
    ["package.json", /"version": "[^"]+"/, `"version": "${newest}"`],
    ["src/runtime/manifest.ts", "snapshotFormat = 2", "snapshotFormat = 3"],
    [
      "src/windows/partial.ts",
      "outgoing(JSON.stringify(partial))",
      `outgoing(JSON.stringify({ ...partial, told_by: "${newest}" }))`,
    ],
  ];
  for (const [path, from, to] of changes) {
    const text = await readFile(join(tree, path), "utf8");
    assert.equal(text.split(from).length, 2, `${path} has ${from} once`);
    await writeFile(join(tree, path), text.replace(from, to));
  }
}

/** Rides of two events each, all the time; how many events were sent, in the end. */
function startTraffic(log: Log, topic: string) {
  const over = new AbortController();
  let sent = 0;
  const sending = (async () => {
    for (let n = 0; !over.signal.aborted; n++) {
      const timestamp = isoTime(systemClock.nowMs());
      const events = Array.from({ length: 20 }, (_, i) => `ride-${n}-${i}`).flatMap((ride_id, i) =>
        ["requested", "cancelled"].map((event_type) => ({
          ...{ event_type, ride_id, event_id: `${ride_id}-${event_type}`, timestamp },
          ...{ city: i % 3 === 0 ? "graz" : "wien", user_id: `rider-${i}`, estimated_fare: 8.5 },
        }))
      );
      await log.append(events.map((event, i) => ({
        ...{ topic, partition: (i >> 1) % partitions, key: utf8(event.ride_id) },
        value: utf8(JSON.stringify(event)),
      })));
      sent += events.length;
      await systemClock.sleep(50, over.signal);
    }
  })();
  return {
    async end(): Promise<number> {
      over.abort();
      await sending;
      return sent;
    },
  };
}

const ready = (worker: Worker) =>
  until(`${worker.name} is ready`, async () => {
    if (!worker.running()) throw new Error(`${worker.name} ended: ${worker.lastWords()}`);
    return (await ask(`${worker.url}/readyz`))?.status === 200;
  }, patienceMs);

const versionOf = async (worker: Worker) =>
  ((await answerOf(`${worker.url}/livez`)).body as { version?: string }).version;

async function passedOver({ url }: Worker): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(/^waymark_snapshots_discarded_total\{reason="newer_format"\} (\d+)$/m.exec(text)?.[1] ?? 0);
}

describe("row 25: two releases in one group", () => {
  it("up and down again under traffic: exact, newer snapshots are passed over, another fold is refused", async () => {
    const next = join(folder, "next");
    await nextRelease(next);
    const trees = [root, root, root];
    const variables = {
      ...services.variables,
      ...{ WAYMARK_TOPIC_PREFIX: "releases-", WAYMARK_GROUP: "releases", WAYMARK_REDIS_PREFIX: "releases:" },
      WAYMARK_PARTITIONS:
        `ride-events=${partitions},driver-locations=1,city-partials=2,analytics-aggregated=1`,
      ...{ WAYMARK_CLICKHOUSE: "off", WAYMARK_FLUSH_MS: "50", WAYMARK_SNAPSHOT_MS: "300" },
      ...{ WAYMARK_SESSION_MS: "6000", WAYMARK_IDLE_MS: "3600000" },
    };
    const naming = namingOf(readConfig(variables));
    const topic = topicName("ride-events", naming);
    const workers = await makeWorkers(3, {
      ...{ folder, variables, tree: (i) => trees[i]! },
      own: (i) => i === 2 ? { WAYMARK_LATENESS_MS: "300000" } : {},
    });
    const [one, two, other] = workers as [Worker, Worker, Worker];
    const log = await openKafkaLog({
      brokers: services.variables.KAFKA_BROKERS!.split(","),
      clock: systemClock,
    });
    const begin = async (worker: Worker, tree: string) => {
      trees[workers.indexOf(worker)] = tree;
      worker.start();
      await ready(worker);
    };
    const change = async (worker: Worker, tree: string) => {
      worker.signal("SIGTERM");
      await until(`${worker.name} has drained`, async () => !worker.running(), patienceMs);
      // Who could not in time on a busy machine says so: that loses nothing, which is looked at in the end.
      const isGivenUp = worker.endings.at(-1) === "1" && worker.lastWords().includes("not drained after");
      assert.ok(isGivenUp || worker.endings.at(-1) === "0", worker.lastWords());
      await begin(worker, tree);
    };
    const ledgerOf = async ({ url }: Worker) =>
      (await ask(`${url}/v1/ledger`))?.body as LedgerAnswer | undefined;
    try {
      await begin(one, root);
      await begin(two, root);
      const older = await versionOf(one);
      const traffic = startTraffic(log, topic);

      await change(one, next);
      assert.deepEqual([await versionOf(one), await versionOf(two)], [newest, older]);
      other.start();
      await until("the one that folds otherwise has ended", async () => !other.running(), patienceMs);
      assert.deepEqual(other.endings, ["3"], other.lastWords());
      assert.match(other.lastWords(), /\[fold_version_differs\]/);
      await change(two, next);
      assert.deepEqual([await versionOf(one), await versionOf(two)], [newest, newest]);

      await change(one, root);
      assert.deepEqual([await versionOf(one), await versionOf(two)], [older, newest]);
      await until("newer snapshots are passed over", async () => await passedOver(one) > 0, patienceMs);
      await change(two, root);

      const sent = await traffic.end();
      let ledger: LedgerAnswer | undefined;
      // Whoever is asked: the other one's partitions are in its answer too, or it says that they are missing.
      await until("both say that everything is counted", async () => {
        const told = await Promise.all([one, two].map(ledgerOf));
        ledger = told[1];
        return told.every((l) => l?.complete && l.balanced && l.total[topic]?.counted === sent);
      }, patienceMs);
      // Of open windows those that end next, or before: the others are told when they do.
      const left = await readLeft(log, naming);
      await until("every window is told", async () => {
        const { lost, doubled } = await differenceOf(log, naming, left, "open");
        return lost + doubled === 0;
      }, patienceMs);
      for (const worker of [one, two]) worker.signal("SIGTERM");
      await until("both have drained", async () => !one.running() && !two.running(), patienceMs);
      assert.deepEqual([one, two].map(({ endings }) => endings), [["0", "0", "0"], ["0", "0", "0"]]);

      assert.equal(left.counted.ledger.distinct, sent);
      await windowsAreExact(log, naming, left, "open");
      await ledgerIsExact(log, naming, { left, ledger: ledger! });
      await factsAgree(log, naming);
      const tellers = new Set<string>();
      const partials = topicName("city-partials", naming);
      for (const [partition, { end }] of (await log.bounds(partials)).entries()) {
        for (const { value } of await log.read({ topic: partials, partition }, 0, end)) {
          tellers.add(/"told_by":"([^"]+)"/.exec(fromUtf8(value))?.[1] ?? "older");
        }
      }
      assert.deepEqual([...tellers].sort(), [newest, "older"], "both releases told the cities");
    } finally {
      for (const worker of workers) worker.signal("SIGKILL");
      await until("all are gone", async () => workers.every((worker) => !worker.running()), patienceMs);
      await log.close();
    }
  });
});
