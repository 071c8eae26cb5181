/** What every stage is built with: settings, numbers of this installation, and how keys find partitions. */
import type { SurgeTerms } from "../../actors/surge.ts";
import type { Erased } from "../erased.ts";
import type { TopicName } from "../log/topics.ts";
import { paneMs, type WindowSettings } from "../windows/settings.ts";
import type { Cut } from "./cut.ts";

export type StageContext = {
  windows: WindowSettings;
  foldVersion: string;
  generation: number;
  logEpoch: number;
  /** Before the names of this installation's topics, for naming a record's source. */
  topicPrefix: string;
  /** What this generation publishes of its windows, alerts and facts. */
  cut: Cut;
  /** How long an ended ride, and a driver without positions, is remembered: event time. */
  endedRideMs: number;
  driverMs: number;
  partitions: Record<TopicName, number>;
  /** H3 resolution of the cells that supply and demand are counted in. */
  cellResolution: number;
  surge: SurgeTerms;
  /** First part of every alert's dedup_key: tells installations that page the same people apart. */
  environment: string;
  /** Riders to be forgotten: who they were is no part of any number, so what is known of it may grow while folding. */
  erased?: Erased;
  /** The partition of a key on a topic, as the producers choose it. */
  partitionOf(topic: TopicName, key: Uint8Array): number;
};

/**
 * The versions of the folds: raised by hand when outputs change for the same log and settings. The golden test
 * fails when they change and these do not.
 */
export const foldVersions = { rides: 3, locations: 3, cities: 10 } as const;

/** How many boundaries after a watermark can have something open: windows, requests and events ahead of it. */
export function boundariesMax(settings: WindowSettings, openMs: number): number {
  return Math.ceil((settings.windowMs + settings.skewMs + settings.delayMs + openMs) / paneMs) + 3;
}
