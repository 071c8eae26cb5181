/** The log suite over the simulation's log, in real time and without faults: a twin that lies makes every seed lie. */
import type { TopicPartition } from "../../src/log/port.ts";
import { systemClock } from "../../src/time.ts";
import { randomFrom } from "../../src/traffic/random.ts";
import { logSuite } from "../conformance/log_suite.ts";
import { createBroker } from "./broker.ts";
import { createCoordinator } from "./coordinator.ts";
import { logClient } from "./log_client.ts";
import { type Plan, planOf, rateNames } from "./plan.ts";
import { createPoints } from "./points.ts";
import { realSchedule } from "./real_schedule.ts";
import type { Place } from "./schedule.ts";
import { createWire } from "./wire.ts";

logSuite("the simulation's", async () => {
  const schedule = realSchedule();
  const whole = planOf(1);
  const plan: Plan = {
    ...whole,
    settings: { ...whole.settings, pollMs: 20, lingerMs: 0, sessionMs: 60 },
    rates: Object.fromEntries(rateNames.map((name) => [name, 0])) as Plan["rates"],
  };
  const random = randomFrom(1, "twin");
  const points = createPoints();
  const broker = createBroker({ nowMs: schedule.nowMs, startMs: systemClock.nowMs(), gapBefore: () => 0 });
  const coordinator = createCoordinator({
    broker,
    nowMs: schedule.nowMs,
    sessionMs: Infinity,
    expelled() {},
    handedOver() {},
  });
  const place: Place = { name: "A1", state: "running", parked: [] };
  const network = {
    ...{ schedule, random, points, latencyMs: 0, slowRate: () => 0, down: new Set<never>() },
    link: () => "open" as const,
  };
  const waiting = new Map<string, (() => void)[]>();
  const nameOf = ({ topic, partition }: TopicPartition) => `${topic}/${partition}`;
  broker.onAppend((tp) => {
    const woken = waiting.get(nameOf(tp)) ?? [];
    waiting.delete(nameOf(tp));
    for (const wake of woken) wake();
  });
  const log = logClient({
    ...{ schedule, broker, random, points, plan, coordinator },
    wire: createWire(place, network),
    clock: systemClock,
    who: "A1",
    waitForAppend: (tp, woken) => void waiting.set(nameOf(tp), [...waiting.get(nameOf(tp)) ?? [], woken]),
    handed() {},
    appends() {},
    busy() {},
  });
  return {
    log,
    prefix: "",
    trim: async (tp, offset) => void broker.trim(tp, offset),
    async dispose() {
      await log.close();
      schedule.end();
    },
  };
});
