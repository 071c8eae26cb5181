/** The line above the table: how far the data are complete, what holds them back, and what is broken. */
import { type CityRow, type CityState, cityStates } from "./city_row.ts";
import type { CityWatermarks, Handles } from "./handles.ts";

export type StatusView = {
  now: string;
  node: string;
  version: string;
  watermarks: CityWatermarks;
  /** Cities worst first: the order of the table, and which there are. */
  order: string[];
  states: Record<CityState, number>;
  /** What a person should know before trusting the figures; empty when all is well. */
  trouble: string[];
};

export function statusView(handles: Handles, rows: readonly CityRow[]): StatusView {
  const states = Object.fromEntries(cityStates.map((s) => [s, 0])) as Record<CityState, number>;
  for (const row of rows) states[row.state]++;
  return {
    now: new Date(handles.nowMs()).toISOString(),
    node: handles.node,
    version: handles.version,
    watermarks: handles.watermarks(),
    order: rows.map((row) => row.city),
    states,
    trouble: troubleOf(handles),
  };
}

function troubleOf(handles: Handles): string[] {
  const partitions = handles.partitions();
  const named = (p: { topic: string; partition: number }) => `${p.topic}/${p.partition}`;
  const stopped = partitions.filter((p) => p.state === "stopped");
  const restoring = partitions.filter((p) => p.state === "restoring" || p.state === "warming_up");
  const unowned = partitions.filter((p) => p.state === "unowned");
  const unknown = partitions.filter((p) => p.state === "unknown");
  const sink = handles.sink();
  const said: string[] = [];
  if (handles.draining()) said.push("this node is shutting down");
  for (const p of stopped) {
    said.push(`${named(p)} has stopped${p.error === null ? "" : ` (${p.error.code})`}`);
  }
  const who = (some: typeof partitions) => some.length === 1 ? named(some[0]!) : `${some.length} partitions`;
  if (restoring.length > 0) said.push(`${who(restoring)} not caught up yet after a start`);
  if (unowned.length > 0) said.push(`${who(unowned)} held by no node`);
  if (unknown.length > 0) said.push(`${who(unknown)} on a node that does not answer`);
  if (sink.state === "failing") {
    said.push("ClickHouse cannot be reached: windows older than memory are missing");
  }
  return said;
}
