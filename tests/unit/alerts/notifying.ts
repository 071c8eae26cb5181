/**
 * Processes that tell receivers of alerts, over one log in memory and a clock that the test turns.
 *
 * Leaves out: the pipeline that makes alerts (the test publishes them), and everything of a process but its notifiers.
 */
import type { AlertTransition } from "../../../schemas/alert.ts";
import type { Delivery, JournalFact } from "../../../schemas/alert_journal.ts";
import { createPost } from "../../../src/alerts/notifiers/http_post.ts";
import { pagerDuty } from "../../../src/alerts/notifiers/pagerduty.ts";
import type { Answer, Notice, Receiver } from "../../../src/alerts/notifiers/receiver.ts";
import { readConfig } from "../../../src/config.ts";
import { utf8 } from "../../../src/ids.ts";
import { memoryLog } from "../../../src/log/memory.ts";
import type { Log } from "../../../src/log/port.ts";
import { type Notifiers, startNotifiers } from "../../../src/node/notifiers.ts";
import { createSignals } from "../../../src/telemetry/signals.ts";
import { dayMs, type ManualClock, manualClock, secondMs, systemClock } from "../../../src/time.ts";
import { startMs } from "./told.ts";

export type Running = {
  notifiers: Notifiers;
  /** As `kill -9`: nothing it has begun goes on, and the group hears of it later. */
  kill(): void;
  /** The group has noticed that it is gone. */
  expel(): Promise<void>;
};

export type Office = {
  clock: ManualClock;
  log: ReturnType<typeof memoryLog>;
  said: string[];
  publish(...alerts: AlertTransition[]): Promise<void>;
  write(fact: JournalFact, partition?: number): Promise<void>;
  deliveries(partition?: number): Promise<Delivery[]>;
  start(receivers: Receiver[], node?: string): Promise<Running>;
  /** Turns the clock until the condition holds. */
  until(what: string, condition: () => boolean | Promise<boolean>): Promise<void>;
  /** Turns the clock by so much, second by second. */
  pass(ms: number): Promise<void>;
  close(): Promise<void>;
};

const post = createPost({ clock: systemClock, publicOnly: false });

export const pager = (url: string, name = "pagerduty"): Receiver =>
  pagerDuty({ name, url, routingKey: "k".repeat(32), publicUrl: "", post, owners: "all" });

export async function openOffice({ partitions = 1 } = {}): Promise<Office> {
  const clock = manualClock(startMs);
  // It looks for records every second instead of every tenth of one: a turn of the clock costs real time.
  const log = memoryLog({ clock: { ...clock, sleep: (ms, signal) => clock.sleep(10 * ms, signal) } });
  await log.ensureTopics(
    ["alerts", "alert-journal"].map((topic) => ({ topic, partitions, retentionMs: 30 * dayMs })),
  );
  const said: string[] = [];
  const signals = createSignals(clock, "text", (line) => void said.push(line));
  const running: { notifiers: Notifiers; life: { alive: boolean } }[] = [];

  const write = (topic: string, value: unknown, partition = 0) =>
    log.append([{ topic, partition, key: null, value: utf8(JSON.stringify(value)) }]);

  async function turn(ms: number): Promise<void> {
    await clock.advance(ms);
    // What is on its way over a socket needs time that no clock of ours can turn.
    await systemClock.sleep(1);
  }

  return {
    clock,
    log,
    said,
    async publish(...alerts) {
      for (const alert of alerts) await write("alerts", alert);
    },
    write: (fact, partition) => write("alert-journal", fact, partition),
    async deliveries(partition = 0) {
      const records = await log.read({ topic: "alert-journal", partition }, 0, 10_000);
      const facts = records.map(({ value }) => JSON.parse(new TextDecoder().decode(value)) as JournalFact);
      return facts.filter((fact) => fact.kind === "delivery");
    },
    async start(receivers, node = "node") {
      const before = new Set((await log.members("waymark-notify")).map((member) => member.memberId));
      const life = { alive: true };
      const notifiers = await startNotifiers({
        config: readConfig({}),
        log: mortal(log, life),
        clock,
        signals,
        node,
        failed(_, error) {
          throw error;
        },
        receivers: receivers.map((receiver) => ({
          ...receiver,
          send: (notice: Notice) => life.alive ? receiver.send(notice).then(whileAlive(life)) : forever(),
        })),
      });
      const memberId = (await log.members("waymark-notify")).find((m) => !before.has(m.memberId))!.memberId;
      const one: Running = {
        notifiers,
        kill: () => void (life.alive = false),
        async expel() {
          log.expel(memberId);
          await turn(secondMs);
        },
      };
      running.push({ notifiers, life });
      return one;
    },
    async until(what, condition) {
      const deadlineMs = systemClock.monotonicMs() + 20_000;
      while (!await condition()) {
        if (systemClock.monotonicMs() > deadlineMs) throw new Error(`waited in vain until ${what}`);
        await turn(100);
      }
    },
    async pass(ms) {
      for (let leftMs = ms; leftMs > 0; leftMs -= secondMs) await turn(Math.min(leftMs, secondMs));
    },
    async close() {
      // One that was killed never ends what it has begun, but its readers must not outlive the log.
      const ended = Promise.all(running.map(({ notifiers, life }) => {
        const stopped = notifiers.stop();
        return life.alive ? stopped : null;
      }));
      let done = false;
      void ended.then(() => done = true);
      while (!done) await turn(secondMs);
      await log.close();
    },
  };
}

const forever = <T>(): Promise<T> => new Promise(() => {});
const whileAlive = (life: { alive: boolean }) => (answer: Answer) => life.alive ? answer : forever<Answer>();

/** What a dead process appends never reaches the log. */
function mortal(log: Log, life: { alive: boolean }): Log {
  return { ...log, append: (records) => life.alive ? log.append(records) : forever() };
}
