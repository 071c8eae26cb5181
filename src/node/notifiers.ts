/**
 * Telling people of alerts: one watch over the alerts of this process, one outbox for each receiver that is set.
 *
 * The processes of an installation share the partitions of `alerts` in a group of their own, whatever their generation:
 * what is told is told once. None set: nothing is read and no group is joined.
 */
import { type AlertWatch, startAlertWatch } from "../alerts/notifiers/alert_watch.ts";
import { type Outbox, type OutboxView, startOutbox } from "../alerts/notifiers/outbox.ts";
import type { Receiver } from "../alerts/notifiers/receiver.ts";
import type { JournalFact } from "../../schemas/alert_journal.ts";
import type { Config } from "../config.ts";
import { utf8 } from "../ids.ts";
import type { Log, TopicPartition } from "../log/port.ts";
import { topicName, type TopicNaming } from "../log/topics.ts";
import type { StageContext } from "../stages/context.ts";
import type { Signals } from "../telemetry/signals.ts";
import { type Clock, isoTime } from "../time.ts";
import { randomFrom } from "../traffic/random.ts";
import { namingOf } from "./pipeline.ts";
import { receiversOf } from "./receivers.ts";

export type Notifiers = {
  view(): OutboxView[];
  /** Ends after the messages that are on their way. */
  stop(): Promise<void>;
};

export type NotifiersOptions = {
  config: Config;
  log: Log;
  clock: Clock;
  signals: Signals;
  node: string;
  failed(tp: TopicPartition, error: unknown): void;
  /** Instead of those of the settings. */
  receivers?: Receiver[];
};

export async function startNotifiers(options: NotifiersOptions): Promise<Notifiers> {
  const { config, log, clock, signals, node, failed } = options;
  const receivers = options.receivers ?? receiversOf({ config, clock });
  if (receivers.length === 0) return { view: () => [], stop: () => Promise.resolve() };
  const by = `${node}@${isoTime(clock.nowMs())}`;
  const outboxes: Outbox[] = [];
  const watch: AlertWatch = await startAlertWatch({
    log,
    naming: namingOf(config),
    clock,
    group: `${config.WAYMARK_GROUP}-notify`,
    changed: () => outboxes.forEach((outbox) => outbox.wake()),
    failed,
  });
  for (const receiver of receivers) {
    const { uniform: random } = randomFrom(by, receiver.name);
    outboxes.push(startOutbox({ receiver, watch, clock, random, by, say: signals.say }));
  }
  return {
    view: () => outboxes.map((outbox) => outbox.view()),
    async stop() {
      const ended = outboxes.map((outbox) => outbox.stop());
      await watch.stop();
      await Promise.all(ended);
    },
  };
}

/** Puts what somebody said about alerts where their receivers are told from: `*` means every city. */
export async function noteAlert(
  { log, context, naming }: {
    log: Log;
    context: Pick<StageContext, "partitions" | "partitionOf">;
    naming: TopicNaming;
  },
  fact: JournalFact,
  city: string,
): Promise<void> {
  const all = Array.from({ length: context.partitions["alert-journal"] }, (_, partition) => partition);
  const partitions = city === "*" ? all : [context.partitionOf("alert-journal", utf8(city))];
  const topic = topicName("alert-journal", naming);
  const value = utf8(JSON.stringify(fact));
  await log.append(partitions.map((partition) => ({ topic, partition, key: utf8(fact.id), value })));
}
