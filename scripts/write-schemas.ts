/**
 * Writes schemas/json/*.schema.json from the zod schemas: what producers and readers in other languages check
 * against. `deno run -A scripts/write-schemas.ts`; tests/unit/schemas/json_test.ts fails when they differ.
 */
import { z } from "zod";
import { alertTransition } from "../schemas/alert.ts";
import { alertRuleSet } from "../schemas/alert_rule.ts";
import { cityCells } from "../schemas/city_cells.ts";
import { journalFact } from "../schemas/alert_journal.ts";
import { cityWindow } from "../schemas/city_window.ts";
import { driverLocationWire } from "../schemas/driver_location.ts";
import { rideEventWire } from "../schemas/ride_event.ts";
import { windowExplanation } from "../schemas/explanation.ts";
import { rideFact } from "../schemas/ride_fact.ts";
import {
  driversAnswer,
  driverView,
  errorAnswer,
  ingestVerdict,
  ledgerAnswer,
  partitionsAnswer,
  partitionView,
  ridesAnswer,
  rideView,
} from "../schemas/http.ts";
import { snapshotManifest } from "../schemas/snapshot.ts";

const published: Record<string, z.ZodType> = {
  ride_event: rideEventWire,
  driver_location: driverLocationWire,
  city_window: cityWindow,
  alert: alertTransition,
  alert_rules: alertRuleSet,
  city_cells: cityCells,
  alert_journal: journalFact,
  ride_fact: rideFact,
  snapshot_manifest: snapshotManifest,
  ride: rideView,
  driver: driverView,
  rides: ridesAnswer,
  drivers: driversAnswer,
  window_explanation: windowExplanation,
  partition: partitionView,
  partitions: partitionsAnswer,
  ledger: ledgerAnswer,
  ingest_verdict: ingestVerdict,
  error: errorAnswer,
};

/** File name → text. Unknown fields are allowed in all of them: a later release may add some. */
export function schemaFiles(): Map<string, string> {
  return new Map(
    Object.entries(published).map(([name, schema]) => [
      `${name}.schema.json`,
      `${
        JSON.stringify({ $id: `${name}.schema.json`, ...z.toJSONSchema(schema, { io: "input" }) }, null, 2)
      }\n`,
    ]),
  );
}

if (import.meta.main) {
  const folder = new URL("../schemas/json/", import.meta.url);
  await Deno.mkdir(folder, { recursive: true });
  for (const [name, text] of schemaFiles()) await Deno.writeTextFile(new URL(name, folder), text);
}
