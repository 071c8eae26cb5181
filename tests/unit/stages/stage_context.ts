/** What the stage tests build folds with: the default measures of windows, and few partitions. */
import { minuteMs, secondMs } from "../../../src/time.ts";
import { partitionOf } from "../../../src/log/partitioner.ts";
import type { StageContext } from "../../../src/stages/context.ts";

/** A whole minute. All times of the stage tests are given in seconds after it. */
export const t0 = Date.UTC(2026, 0, 15, 18);
export const at = (seconds: number): number => t0 + seconds * secondMs;

const partitions: StageContext["partitions"] = {
  "ride-events": 2,
  "driver-locations": 1,
  "city-partials": 1,
  "analytics-aggregated": 1,
  "city-cells": 1,
  "ride-facts": 1,
  "alerts": 1,
  "alert-journal": 1,
  "erasures": 1,
  "late-events": 1,
  "dead-letters": 1,
};

export function stageContext(over: Partial<StageContext> = {}): StageContext {
  return {
    windows: {
      windowMs: 5 * minuteMs,
      delayMs: 30 * secondMs,
      latenessMs: 10 * minuteMs,
      skewMs: 5 * minuteMs,
      holdMs: 120 * minuteMs,
    },
    foldVersion: "f1",
    generation: 1,
    logEpoch: 0,
    topicPrefix: "",
    cut: { fromMs: null, untilMs: null },
    endedRideMs: 60 * minuteMs,
    driverMs: 60 * minuteMs,
    cellResolution: 8,
    surge: { balance: 0.1, gain: 5, cap: 3 },
    environment: "waymark",
    partitions,
    partitionOf: (topic, key) => partitionOf("murmur2", key, partitions[topic]),
    ...over,
  };
}
