/** The recorded rides of New York, whole: windows against the recount and against SQL over the raw rows. */
import assert from "node:assert/strict";
import { stat } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { CityWindow } from "../../schemas/city_window.ts";
import { clickHousePath } from "../../src/node/parts.ts";
import { openEmbedded } from "../../src/sinks/analytics.ts";
import { readQuery } from "../../src/sinks/queries.ts";
import { firstGroup } from "../pipeline/recounted.ts";

/** The file where the recorded data lies beside the project, or null. */
export async function recordedRides(): Promise<string | null> {
  const path = fileURLToPath(new URL("../../../shared/data/dev-rides-nyc-2013.csv.gz", import.meta.url));
  return await stat(path).then((found) => found.isFile(), () => false) ? path : null;
}

/** Throws an assertion when the windows computed in ClickHouse differ from the published lines. */
export async function assertComputed(dataDir: string, lines: string): Promise<void> {
  const analytics = openEmbedded({ path: clickHousePath(dataDir) });
  try {
    const range = { window_minutes: 5, from: "1970-01-01 00:00:00", to: "2100-01-01 00:00:00" };
    const rows = await analytics.query<Record<string, unknown>>(
      await readQuery("city_windows_from_raw"),
      range,
    );
    const windows = lines.trimEnd().split("\n").map((line) => JSON.parse(line) as CityWindow);
    assert.deepEqual(
      rows.map(({ city, window_start, window_end: _, ...group }) => ({ city, window_start, ...group })),
      windows.map((w) => ({ city: w.city, window_start: w.window_start, ...firstGroup(w) })),
    );
  } finally {
    await analytics.close();
  }
}
