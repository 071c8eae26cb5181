/**
 * One picture of many nodes: partitions, watermarks and ledgers put together. Pure.
 *
 *   seats (every partition there is) + own + reports of the others ─► each seat once, by the node that has it best
 *
 * While a partition moves two nodes may both speak of it, or none: the one that runs it is believed, and of two that
 * do, the one further on, because the other one's owner is a process that slept through being given up.
 */
import type {
  CityWatermarks,
  FleetNode,
  LedgerView,
  PartitionsAnswer,
  PartitionView,
} from "../../schemas/http.ts";
import type { Reported, Seat } from "./fleet_handle.ts";
import type { Handles } from "./handles.ts";

type Report = Pick<PartitionsAnswer, "partitions" | "watermarks">;

const nameOf = ({ topic, partition }: { topic: string; partition: number }): string =>
  `${topic}/${partition}`;

/** Every partition once. Of one that nobody speaks of: unowned, or unknown while a node has not answered. */
export function wholePartitions(
  seats: readonly Seat[],
  own: Report,
  reports: readonly Reported<Report>[] | null,
): PartitionView[] {
  const heard = [own, ...(reports ?? []).flatMap(({ answer }) => answer ?? [])];
  const best = bestByName(heard.flatMap(({ partitions }) => partitions), betterView);
  const holding = new Set(heard.map(({ watermarks }) => watermarks.held_by?.split(" ")[0]));
  const silent = reports === null || reports.some(({ answer }) => answer === null);
  return seats.map((seat) => {
    const view = best.get(nameOf(seat)) ?? emptyView(seat, silent ? "unknown" : "unowned");
    // A source may be read by one node and hold back a city of another.
    const holds = view.holds_watermark || holding.has(`${seat.source}/${seat.partition}`);
    return { ...view, holds_watermark: holds };
  });
}

const preferred: readonly PartitionView["state"][] = ["running", "warming_up", "restoring", "stopped"];

function betterView(a: PartitionView, b: PartitionView): PartitionView {
  const [rankA, rankB] = [preferred.indexOf(a.state), preferred.indexOf(b.state)];
  if (rankA !== rankB) return rankA < rankB ? a : b;
  return a.position >= b.position ? a : b;
}

function emptyView({ topic, partition, stage }: Seat, state: PartitionView["state"]): PartitionView {
  return {
    topic,
    partition,
    stage,
    owner: "",
    state,
    position: 0,
    log_end: 0,
    lag_records: 0,
    lag_seconds: 0,
    watermark: null,
    watermark_behind_seconds: null,
    idle: false,
    holds_watermark: false,
    snapshot_age_seconds: null,
    snapshot_offset: 0,
    published: 0,
    unreadable: 0,
    actors: {},
    error: null,
  };
}

/** The lowest of all nodes with cities. While some city has no owner that answers: what was known before. */
export function wholeWatermarks(
  seats: readonly Seat[],
  heard: readonly Report[],
  before: CityWatermarks,
): CityWatermarks {
  if (!haveCities(seats, heard)) return before;
  const known = heard.filter(({ partitions }) => partitions.some(isFoldingCities)).map(({ watermarks }) =>
    watermarks
  );
  return {
    rides: lowest(known.map(({ rides }) => rides)),
    all: lowest(known.map(({ all }) => all)),
    held_by: known.filter(({ held_by }) => held_by !== null).toSorted(slowestFirst)[0]?.held_by ?? null,
  };
}

/** Whether those heard fold every partition of cities that there is. */
export function haveCities(seats: readonly Seat[], heard: readonly Report[]): boolean {
  const folded = new Set(heard.flatMap(({ partitions }) => partitions.filter(isFoldingCities).map(nameOf)));
  return seats.every((seat) => seat.stage !== "cities" || folded.has(nameOf(seat)));
}

const isFoldingCities = ({ stage, state }: PartitionView): boolean =>
  stage === "cities" && (state === "running" || state === "warming_up");

function slowestFirst({ rides: a }: CityWatermarks, { rides: b }: CityWatermarks): number {
  return a === b ? 0 : (a ?? "") < (b ?? "") ? -1 : 1;
}

/** ISO times of one form sort as text. Null while one is null. */
function lowest(times: readonly (string | null)[]): string | null {
  return times.reduce((low, time) => low === null || time === null ? null : time < low ? time : low);
}

type CountsOf = LedgerView["partitions"][number];
type TotalsOf = LedgerView["total"][string];

/** The sum over all nodes, and which source partitions are not in it. */
export function wholeLedger(
  seats: readonly Seat[],
  own: LedgerView,
  reports: readonly Reported<LedgerView>[],
): LedgerView & { complete: boolean; missing: string[] } {
  const sources = seats.filter(({ stage }) => stage !== "cities");
  const heard = [own, ...reports.flatMap(({ answer }) => answer ?? [])];
  const best = bestByName(heard.flatMap(({ partitions }) => partitions), furtherCounts);
  const missing = sources.map(nameOf).filter((name) => !best.has(name));
  const silent = reports.some(({ answer }) => answer === null);
  if (reports.length === 0) return { ...own, complete: missing.length === 0, missing };
  const partitions = [...best.values()].sort((a, b) =>
    a.topic < b.topic ? 1 : a.topic > b.topic ? -1 : a.partition - b.partition
  );
  return {
    partitions,
    total: totals(partitions),
    missed_after_idle: heard.flatMap(({ missed_after_idle }) => missed_after_idle),
    balanced: heard.every(({ balanced }) => balanced),
    complete: missing.length === 0 && !silent,
    missing,
  };
}

const furtherCounts = (a: CountsOf, b: CountsOf): CountsOf =>
  a.since_offset + a.read >= b.since_offset + b.read ? a : b;

function totals(partitions: readonly CountsOf[]): LedgerView["total"] {
  const sums: LedgerView["total"] = {};
  for (const { topic, partition: _, since_offset: __, ...counts } of partitions) {
    const sum: TotalsOf | undefined = sums[topic];
    if (sum === undefined) sums[topic] = { ...counts };
    else for (const name of Object.keys(counts) as (keyof TotalsOf)[]) sum[name] += counts[name];
  }
  return sums;
}

function bestByName<T extends { topic: string; partition: number }>(
  all: readonly T[],
  better: (a: T, b: T) => T,
): Map<string, T> {
  const best = new Map<string, T>();
  for (const one of all) {
    const known = best.get(nameOf(one));
    best.set(nameOf(one), known === undefined ? one : better(known, one));
  }
  return best;
}

/** This node first, with as many partitions as it speaks of itself. */
export function fleetNodes(
  { node, fleet }: Pick<Handles, "node" | "fleet">,
  partitions: number,
  reports: readonly Reported<{ node: string; partitions: readonly unknown[] }>[],
): FleetNode[] {
  return [
    { node, address: fleet?.address ?? null, answered: true, partitions },
    ...reports.map(({ node: { address, holds }, answer }) => ({
      node: answer?.node ?? "",
      address,
      answered: answer !== null,
      partitions: answer?.partitions.length ?? holds.size,
    })),
  ];
}
