/** `waymark notify --test`: tells each receiver of an alert that is none, and of its end, and says what became of it. */
import type { AlertTransition } from "../../schemas/alert.ts";
import type { Notice, Receiver } from "../alerts/notifiers/receiver.ts";
import { WaymarkError } from "../errors.ts";
import { receiversOf } from "../node/receivers.ts";
import { type Clock, isoTime, minuteMs, systemClock } from "../time.ts";
import type { Command, Given } from "./command.ts";
import { configFromEnvironment } from "./environment.ts";

export const notifyCommand: Command = {
  name: "notify",
  operands: "",
  summary: "Tests the receivers of alerts that are set: a trigger that says it is a test, and its end.",
  options: {
    test: { type: "boolean", help: "sends both; without it the receivers are only listed" },
    receiver: { type: "string", value: "NAME", help: "this one only" },
    help: { type: "boolean", help: "this text" },
  },
  more: () =>
    "It pages whoever is on call, for a moment. Nothing is read from or written to the log, and the service need\n" +
    "not run. Exit code 1 when a receiver has not taken both messages. Settings: WAYMARK_PAGERDUTY_KEY,\n" +
    "WAYMARK_PAGERDUTY_PIPELINE_KEY, WAYMARK_ALERTMANAGER_URL, WAYMARK_SLACK_TOKEN, WAYMARK_SLACK_CHANNEL,\n" +
    "WAYMARK_SLACK_URL, WAYMARK_WEBHOOK_URL, WAYMARK_WEBHOOK_SECRET, WAYMARK_WEBHOOK_PRIVATE, WAYMARK_PUBLIC_URL.\n",
  run: notify,
};

async function notify(given: Given): Promise<number> {
  const config = configFromEnvironment();
  const all = receiversOf({ config, clock: systemClock });
  const name = given.text("receiver");
  const chosen = all.filter((receiver) => name === undefined || receiver.name === name);
  if (chosen.length === 0) {
    const known = all.map((receiver) => receiver.name).join(", ") || "none";
    throw new WaymarkError(
      "usage",
      name === undefined
        ? "notify needs a receiver, and none is set; see: waymark notify --help"
        : `--receiver is "${name}"; allowed: one that is set (${known})`,
    );
  }
  if (!given.flag("test")) {
    console.log(chosen.map((receiver) => receiver.name).join("\n"));
    return 0;
  }
  const tried = await Promise.all(
    chosen.map((receiver) => testFire(receiver, config.WAYMARK_ENVIRONMENT, systemClock)),
  );
  console.log(testTable(tried));
  return tried.every((one) => one.taken) ? 0 : 1;
}

export type Tried = { receiver: string; trigger: string; resolve: string; taken: boolean };

/** Once each, at the receiver's pace: what it does not take now is told and not tried again. */
export async function testFire(receiver: Receiver, environment: string, clock: Clock): Promise<Tried> {
  const nowMs = clock.nowMs();
  const firing = testAlert(environment, "firing", nowMs);
  const common = { alertId: firing.alert_id, dedupKey: firing.dedup_key, acknowledgement: null, test: true };
  const send = (notice: Pick<Notice, "kind" | "alert" | "ref">) =>
    receiver.send({ ...common, ...notice, maybeSinceMs: null, atMs: clock.nowMs() });
  const trigger = await send({ kind: "trigger", alert: firing, ref: null });
  await clock.sleep(receiver.spacingMs);
  const ref = trigger.kind === "accepted" ? trigger.ref ?? null : null;
  // Also after a trigger that was not answered: it may have been heard.
  const resolve = await send({ kind: "resolve", alert: testAlert(environment, "resolved", nowMs), ref });
  const inWords = (answer: typeof trigger) =>
    `${answer.kind === "later" ? answer.cause : answer.kind}: ${answer.detail}`;
  return {
    receiver: receiver.name,
    trigger: inWords(trigger),
    resolve: inWords(resolve),
    taken: trigger.kind === "accepted" && resolve.kind === "accepted",
  };
}

function testAlert(environment: string, state: "firing" | "resolved", nowMs: number): AlertTransition {
  const minute = Math.floor(nowMs / minuteMs) * minuteMs;
  const [rule, city] = ["notify_test", "nowhere"];
  return {
    alert_id: `${rule}/${city}/${isoTime(nowMs)}`,
    ...{ rule, city, state },
    severity: "info",
    owner: "operations",
    since: isoTime(minute - minuteMs),
    at: isoTime(minute),
    value: null,
    threshold: 0,
    window_start: isoTime(minute - 5 * minuteMs),
    window_end: isoTime(minute),
    rev: "0".repeat(19),
    counts: {},
    summary: `Waymark (${environment}) tests its receivers; nothing has happened, ${state}`,
    dedup_key: `${environment}:${rule}:${city}`,
    runbook: null,
  };
}

export function testTable(tried: readonly Tried[]): string {
  const rows = [["receiver", "trigger", "resolve"], ...tried.map((t) => [t.receiver, t.trigger, t.resolve])];
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) => row.map((cell, i) => cell.padEnd(widths[i]!)).join("  ").trimEnd()).join("\n");
}
