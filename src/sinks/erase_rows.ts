/**
 * Erased riders in ClickHouse's tables: their ids become pseudonyms, what else says who they were becomes nothing.
 *
 *   ride_events    user_id ─► pseudonym; places and reason of all events of their rides ─► absent
 *   ride_facts     user_id ─► pseudonym; reason ─► absent
 *   late_events, dead_letters (and tables that an older release left)     original bytes and message ─► absent
 *
 * No row goes, so no number changes: one pseudonym stands for one rider, and counts of distinct riders stay. Riders
 * are looked for by hash, because statements stand in ClickHouse's own files and logs. May be repeated at any time.
 */
import { WaymarkError } from "../errors.ts";
import type { ErasedRider } from "../erased.ts";
import { type Clock, minuteMs } from "../time.ts";
import type { Analytics } from "./analytics.ts";

export type EraseOptions = { analytics: Analytics; clock: Clock; riders: readonly ErasedRider[] };

/** Riders named in one statement. */
const ridersMax = 200;
const pollMs = 250;
/** A rewriting of parts that takes longer is looked at again by the next try. */
const mutationMsMax = 30 * minuteMs;

/** Rows as they were sent name a rider like this, whatever else is in them. */
const rawTables = ["late_events", "dead_letters", "late_events_before_009", "dead_letters_before_008"];

/** Throws analytics_unavailable. */
export async function eraseRows({ analytics, clock, riders }: EraseOptions): Promise<void> {
  const there = await analytics.query<{ name: string }>(
    "SELECT name FROM system.tables WHERE database = currentDatabase()",
  );
  const tables = new Set(there.map(({ name }) => name));
  for (let from = 0; from < riders.length; from += ridersMax) {
    for (const change of changesFor(riders.slice(from, from + ridersMax))) {
      if (tables.has(change.table)) await apply(analytics, clock, change);
    }
  }
}

type Change = { table: string; set: string; where: string };

/** In this order: the later ones find the rides of a rider by the pseudonym. */
function changesFor(riders: readonly ErasedRider[]): Change[] {
  const hashes = list(riders.map(({ rider }) => rider.sha256));
  const pseudonyms = list(riders.map(({ pseudonym }) => pseudonym));
  const hashOf = (column: string) => `lower(hex(SHA256(${column})))`;
  const isRider = (column: string) => `(${column} != '' AND ${hashOf(column)} IN (${hashes}))`;
  const renamed = `user_id = transform(${hashOf("user_id")}, [${hashes}], [${pseudonyms}], user_id)`;
  const theirRides = `(SELECT ride_id FROM ride_events WHERE user_id IN (${pseudonyms}))`;
  const places = ["pickup_lat", "pickup_lng", "dropoff_lat", "dropoff_lng"];
  const named = `arrayExists(id -> ${hashOf("id")} IN (${hashes}), ` +
    `arrayPushBack(extractAll(value, '"user_id"\\\\s*:\\\\s*"([^"]*)"'), JSONExtractString(value, 'user_id')))`;
  return [
    { table: "ride_events", set: renamed, where: isRider("user_id") },
    {
      table: "ride_events",
      set: [...places.map((place) => `${place} = NULL`), "reason = ''"].join(", "),
      where: `ride_id IN ${theirRides} AND (reason != '' OR ` +
        `${places.map((place) => `${place} IS NOT NULL`).join(" OR ")})`,
    },
    { table: "ride_facts", set: renamed, where: isRider("user_id") },
    {
      table: "ride_facts",
      set: "reason = ''",
      where: `reason != '' AND (user_id IN (${pseudonyms}) OR ride_id IN ${theirRides})`,
    },
    ...rawTables.map((table) => ({
      table,
      set: "value = '', message = ''",
      where: `value != '' AND (${named} OR JSONExtractString(value, 'ride_id') IN ${theirRides})`,
    })),
  ];
}

async function apply(analytics: Analytics, clock: Clock, { table, set, where }: Change): Promise<void> {
  const [found] = await analytics.query<{ rows: string }>(
    `SELECT count() AS rows FROM ${table} WHERE ${where}`,
  );
  if (Number(found?.rows ?? 0) === 0) return;
  await analytics.command(
    `ALTER TABLE ${table} UPDATE ${set} WHERE ${where} SETTINGS mutations_sync = 0, ` +
      "allow_nondeterministic_mutations = 1",
  );
  await finished(analytics, clock, table);
}

async function finished(analytics: Analytics, clock: Clock, table: string): Promise<void> {
  const untilMs = clock.monotonicMs() + mutationMsMax;
  for (;;) {
    const [state] = await analytics.query<{ waiting: string; why: string }>(
      "SELECT count() AS waiting, max(latest_fail_reason) AS why FROM system.mutations " +
        "WHERE database = currentDatabase() AND table = {table:String} AND NOT is_done",
      { table },
    );
    if (Number(state?.waiting ?? 0) === 0) return;
    if (state!.why !== "" || clock.monotonicMs() > untilMs) {
      const why = state!.why === "" ? "it takes too long" : state!.why;
      throw new WaymarkError("analytics_unavailable", `cannot rewrite rows of ${table}: ${why}`);
    }
    await clock.sleep(pollMs);
  }
}

/** Hashes and pseudonyms are made of letters, digits and dashes, by us or checked when read. */
const list = (texts: readonly string[]): string => texts.map((text) => `'${text}'`).join(", ");
