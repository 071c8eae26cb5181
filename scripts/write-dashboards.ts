/**
 * Writes deploy/grafana/dashboards/*.json. `deno run -A scripts/write-dashboards.ts`;
 * tests/conformance/dashboards_test.ts fails when they differ.
 */
import { city } from "./dashboards/city.ts";
import { dashboardJson } from "./dashboards/dashboard.ts";
import { operations } from "./dashboards/operations.ts";
import { pipeline } from "./dashboards/pipeline.ts";

/** File name → text. */
export function dashboardFiles(): Map<string, string> {
  return new Map(
    [operations, pipeline, city].map((dashboard) => [
      `${dashboard.uid}.json`,
      `${JSON.stringify(dashboardJson(dashboard), null, 2)}\n`,
    ]),
  );
}

if (import.meta.main) {
  const folder = new URL("../deploy/grafana/dashboards/", import.meta.url);
  await Deno.mkdir(folder, { recursive: true });
  for (const [name, text] of dashboardFiles()) await Deno.writeTextFile(new URL(name, folder), text);
}
