/**
 * Faults of the ClickHouse sink over a real Kafka and the ClickHouse server of `waymark services`: whatever happens to
 * the sink, to ClickHouse and to the way between them, every table equals what the topics say, once.
 *
 *   traffic ─► pipeline ─► topics (filled once) ─► sinks in processes of their own ─► a database for each case
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import {
  clickHouseAnswers,
  type ClickHouseServer,
  startClickHouseServer,
} from "../../src/commands/services/clickhouse_server.ts";
import { end, isRunning } from "../../src/commands/services/launched.ts";
import { topicNames } from "../../src/log/topics.ts";
import { type Analytics, openServer } from "../../src/sinks/analytics.ts";
import { sinkTables } from "../../src/sinks/rows.ts";
import { randomFrom } from "../../src/traffic/random.ts";
import { answerOf, until } from "../chaos/workers.ts";
import { brokers } from "./kafka_under_test.ts";
import { type Installation, installation } from "./installation.ts";
import type { SinkProcessOptions } from "./sink_process.ts";
import { sinkSteps } from "./sink_process.ts";
import { type Figures, figuresOfTables, figuresOfTopics } from "./sink_truth.ts";
import { startTcpProxy } from "./tcp_proxy.ts";
import { waymark } from "./waymark_process.ts";

const items = 24_000;
const kills = 20;
/** Short, for every kill is followed by one. */
const sessionMs = 1_500;
/** How long anything may take where suites share two cores. */
const patienceMs = 180_000;

type SinkChild = {
  lines: string[];
  ended(): boolean;
  signal(name: NodeJS.Signals): void;
  stop(): Promise<void>;
};

describe("ClickHouse sink under faults", () => {
  let folder = "";
  let server: ClickHouseServer;
  let filled: Installation;
  let wanted: Figures;
  const opened: Analytics[] = [];
  const children: SinkChild[] = [];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "waymark-sink-faults-"));
    server = await startServer();
    filled = await installation({
      folder,
      variables: {
        KAFKA_BROKERS: brokers.join(","),
        WAYMARK_PARTITIONS: topicNames.map((topic) => `${topic}=${topic === "driver-locations" ? 4 : 3}`)
          .join(),
      },
    });
    await fill(filled);
    wanted = await figuresOfTopics(filled.log, filled.topic);
  });
  after(async () => {
    for (const child of children) child.signal("SIGKILL");
    await until("the sinks are gone", async () => children.every((child) => child.ended()), patienceMs);
    for (const analytics of opened) await analytics.close();
    await filled.close();
    await end([server.process]);
    await rm(folder, { recursive: true, force: true });
  });

  async function startServer(port?: number): Promise<ClickHouseServer> {
    const started = await startClickHouseServer(folder, port);
    await until("ClickHouse answers", () => clickHouseAnswers(started.port), patienceMs);
    return started;
  }

  /** Traffic with every oddity through the pipeline. The folder of the sink is another matter. */
  async function fill({ variables, begin, settled, drain }: Installation): Promise<void> {
    await begin();
    const oddities =
      "--duplicates 0.02 --late 0.01 --too-late 0.005 --poison 0.005 --bad-clocks 0.002 --disorder 0.05";
    const { code, error } = await waymark(
      ["traffic", "--to", "kafka", "--speed", "max", "--rate", "1500/min", "--events", String(items)]
        .concat("--positions 0.4 --without-city 0.3 --without-event-id 0.3".split(" "), oddities.split(" ")),
      variables,
    );
    assert.equal(code, 0, error);
    await settled();
    await drain();
  }

  const database = async (name: string): Promise<Analytics> => {
    const main = openServer({ url: server.url });
    await main.command(`CREATE DATABASE ${name}`);
    await main.close();
    const analytics = openServer({ url: `${server.url}/${name}` });
    opened.push(analytics);
    return analytics;
  };

  function startChild(options: Partial<SinkProcessOptions> & { group: string; url: string }): SinkChild {
    const { pathname } = new URL("./sink_process.ts", import.meta.url);
    const given: SinkProcessOptions = {
      brokers: [...brokers],
      prefix: filled.variables.WAYMARK_TOPIC_PREFIX!,
      insertRowsMax: 400,
      insertMs: 100,
      sessionMs,
      ...options,
    };
    const spawned: ChildProcess = spawn(
      Deno.execPath(),
      ["run", "--no-check", "--allow-all", fileURLToPath(`file://${pathname}`), JSON.stringify(given)],
      { stdio: ["ignore", "pipe", "pipe"] },
    );
    const lines: string[] = [];
    let [hasExited, isOver] = [false, false];
    for (const stream of [spawned.stdout!, spawned.stderr!]) {
      stream.setEncoding("utf8").on("data", (text: string) => lines.push(...text.trim().split("\n")));
    }
    spawned.once("exit", () => hasExited = true);
    // With its last words.
    spawned.once("close", () => isOver = true);
    const child: SinkChild = {
      lines,
      ended: () => isOver,
      signal: (name) => void (hasExited || process.kill(spawned.pid!, name)),
      async stop() {
        child.signal("SIGTERM");
        await until("the sink has drained", async () => isOver, patienceMs);
      },
    };
    children.push(child);
    return child;
  }

  /** What the group has not committed yet, of the topics that it copies. */
  async function behind(group: string): Promise<number> {
    let records = 0;
    for (const { topic: name } of sinkTables) {
      const topic = filled.topic(name);
      const committed = await filled.log.committed(`${group}-clickhouse`, topic);
      for (const [partition, { start, end }] of (await filled.log.bounds(topic)).entries()) {
        records += end - Math.max(start, committed[partition]?.offset ?? start);
      }
    }
    return records;
  }

  const drained = (group: string, child: SinkChild) =>
    until(`${group} has everything`, async () => {
      assert.equal(child.ended(), false, child.lines.slice(-20).join("\n"));
      return await behind(group) === 0;
    }, 2 * patienceMs);

  const equal = async (analytics: Analytics) => assert.deepEqual(await figuresOfTables(analytics), wanted);

  it("the topics hold duplicates, late events, poison and windows by the thousand", () => {
    assert.ok(Number(wanted.ride_events!.rows) + Number(wanted.driver_locations!.rows) > 0.95 * items);
    for (const table of ["city_windows", "ride_facts", "late_events", "dead_letters"]) {
      assert.ok(Number(wanted[table]!.rows) > 50, `${table}: ${wanted[table]!.rows}`);
    }
  });

  it(`killed ${kills} times, at each instant of an insert and a commit: no row is lost or doubled`, async () => {
    const analytics = await database("kills");
    const random = randomFrom(13);
    const sink = { group: "kills", url: `${server.url}/kills`, insertRowsMax: 150 };
    for (let kill = 0; kill < kills; kill++) {
      const step = sinkSteps[kill % sinkSteps.length]!;
      const [times, afterMs] = [1 + random.below(6), random.below(12)];
      const child = startChild({ ...sink, at: { step, times, afterMs, signal: "SIGKILL" } });
      await until(`kill ${kill}, ${step} ${times}`, async () => child.ended(), patienceMs);
      assert.ok(child.lines.includes(step), child.lines.join("\n"));
    }
    assert.ok(await behind("kills") > 0, "the last kill came before the end");
    const last = startChild({ ...sink, insertRowsMax: 2_000 });
    await drained("kills", last);
    await last.stop();
    await equal(analytics);
  });

  it("applied, but the answer never comes: the same block again, no row is lost or doubled", async () => {
    const analytics = await database("unanswered");
    const proxy = await startTcpProxy({ to: server.port });
    // Little at a time: it must not be through before it is disturbed.
    const url = `http://127.0.0.1:${proxy.port}/unanswered`;
    const sink = startChild({ group: "unanswered", url, insertRowsMax: 60 });
    const stored = async () => {
      const [row] = await analytics.query<{ n: string }>(
        "SELECT sum(rows) AS n FROM system.parts WHERE database = 'unanswered' AND table = 'ride_events' AND active",
      );
      return Number(row?.n ?? 0);
    };
    for (let round = 1; round <= 4; round++) {
      await until("an insert", async () => sink.lines.includes("insert answered"), patienceMs);
      proxy.set("drop_to_client");
      const asked = () => sink.lines.filter((line) => line === "insert asked").length;
      const before = { asked: asked(), stored: await stored() };
      // The last round waits for the sink's own time-out, the others end with the connection.
      if (round < 4) {
        await until(
          "an insert is applied unheard",
          async () => asked() > before.asked || await stored() > before.stored,
          patienceMs,
        );
        proxy.set("reset");
      } else {await until("the sink gives up waiting and asks again", async () =>
          asked() > before.asked + 1, patienceMs);}
      proxy.set("reset");
      proxy.set("pass");
    }
    await drained("unanswered", sink);
    await sink.stop();
    await proxy.close();
    await equal(analytics);
  });

  it("everything a second time, with the same blocks and other ones, beyond the tables' window", async () => {
    const analytics = await database("again");
    const first = startChild({ group: "again-1", url: `${server.url}/again` });
    await until("the tables are there", async () => first.lines.includes("ready"), patienceMs);
    for (
      const table of [
        "ride_events",
        "driver_locations",
        "city_windows",
        "ride_facts",
        "late_events",
        "dead_letters",
      ]
    ) {
      await analytics.command(`ALTER TABLE ${table} MODIFY SETTING non_replicated_deduplication_window = 1`);
    }
    await drained("again-1", first);
    await first.stop();
    for (const [group, insertRowsMax] of [["again-2", 400], ["again-3", 230]] as const) {
      const sink = startChild({ group, insertRowsMax, url: `${server.url}/again` });
      await drained(group, sink);
      await sink.stop();
    }
    await equal(analytics);
  });

  it("two groups fill the same tables at once, with other borders", async () => {
    const analytics = await database("both");
    const groups = [["both-1", 330], ["both-2", 900]] as const;
    const sinks = groups.map(([group, insertRowsMax]) =>
      startChild({ group, insertRowsMax, url: `${server.url}/both` })
    );
    for (const [i, [group]] of groups.entries()) await drained(group, sinks[i]!);
    for (const sink of sinks) await sink.stop();
    await equal(analytics);
  });

  for (const step of ["insert under way", "insert answered", "commit under way"] as const) {
    it(`a sink stopped beyond its session (${step}), another finishes, and it comes back`, async () => {
      const name = `zombie_${step.replaceAll(" ", "_")}`;
      const analytics = await database(name);
      const sink = { group: name, url: `${server.url}/${name}` };
      const zombie = startChild({ ...sink, at: { step, times: 9, afterMs: 0, signal: "SIGSTOP" } });
      await until(
        "it stopped in the middle",
        async () => zombie.lines.filter((line) => line === step).length >= 9,
        patienceMs,
      );
      const heir = startChild({ ...sink, insertRowsMax: 700 });
      await drained(name, heir);
      const committed = await commits(name);
      const seen = zombie.lines.length;
      zombie.signal("SIGCONT");
      await until("it goes on", async () => zombie.lines.length > seen, patienceMs);
      await heir.stop();
      await until("the zombie owns everything", async () => (await owners(name)) === 1, patienceMs);
      await zombie.stop();
      assert.deepEqual(await commits(name), committed);
      await equal(analytics);
    });
  }

  async function commits(group: string): Promise<number[]> {
    const offsets = sinkTables.map(async ({ topic }) =>
      (await filled.log.committed(`${group}-clickhouse`, filled.topic(topic))).map((c) => c?.offset ?? -1)
    );
    return (await Promise.all(offsets)).flat();
  }

  async function owners(group: string): Promise<number> {
    const members = await filled.log.members(`${group}-clickhouse`);
    return members.filter(({ holds }) => holds.length > 0).length;
  }

  it("ClickHouse is killed and away for a while: the stream goes on, the lag is told and drains", async () => {
    const analytics = await database("outage");
    const live = await installation({
      folder,
      variables: {
        KAFKA_BROKERS: brokers.join(","),
        CLICKHOUSE_URL: `${server.url}/outage`,
        WAYMARK_CLICKHOUSE: "on",
        WAYMARK_INSERT_MS: "200",
      },
    });
    const windows = async () => (await live.published())[live.topic("analytics-aggregated")]!;
    const rows = () => live.counted("waymark_sink_rows");
    const sendUntil = async (what: string, condition: () => Promise<boolean>) =>
      await until(what, async () => {
        await live.send(0, 300);
        await live.send(1, 300, "graz");
        return await condition();
      }, patienceMs);
    try {
      await live.begin();
      await sendUntil("rows are in ClickHouse", async () => await rows() > 500);
      process.kill(server.process.pid, "SIGKILL");
      await until("the server is gone", async () => !isRunning(server.process), patienceMs);
      const [windowsThen, lagThen] = [await windows(), await live.counted("waymark_sink_lag_records")];
      await sendUntil("windows go on", async () => await windows() > windowsThen + 20);
      await sendUntil(
        "the lag grows",
        async () =>
          await live.counted("waymark_sink_lag_records") > lagThen + 5_000 &&
          await live.counted("waymark_sink_oldest_seconds") > 5,
      );
      assert.ok(await live.counted("waymark_sink_oldest_seconds") < 600, "the lag is an age");
      assert.ok(await live.counted("waymark_sink_failures_total") >= 3);
      assert.equal((await answerOf(`${live.url}/readyz`)).status, 200, "the process stays ready");
      server = await startServer(server.port);
      await live.whileRunning(
        "the lag is drained",
        async () => await live.counted("waymark_sink_lag_records") === 0,
      );
      await live.settled();
      await live.whileRunning(
        "the last windows too",
        async () => await live.counted("waymark_sink_lag_records") === 0,
      );
      await live.drain();
      assert.deepEqual(await figuresOfTables(analytics), await figuresOfTopics(live.log, live.topic));
    } finally {
      await live.close();
    }
  });
});
