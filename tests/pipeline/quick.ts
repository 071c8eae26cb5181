/** The settings of tests: flushes and snapshots as often as allowed, so that every run has many of both. */
import { type Config, readConfig } from "../../src/config.ts";

export const quick: Config = { ...readConfig({}), WAYMARK_FLUSH_MS: 10, WAYMARK_SNAPSHOT_MS: 100 };
