/**
 * A search through the actors of this process: every one is looked at, in slices that let others run, and the first
 * few ids after the cursor are kept. So a page costs one walk, whatever the page, and needs nothing to be remembered
 * between two pages; actors that come and go meanwhile move no row from one page to another.
 */
import type { Fold } from "../fold.ts";
import type { DriverRow, DriversWanted, Found, Provenance, RideRow, RidesWanted } from "../http/handles.ts";
import { topicName } from "../log/topics.ts";
import type { Host } from "../runtime/host.ts";
import type { PartitionActor } from "../runtime/partition.ts";
import type { Clock } from "../time.ts";
import { sliceTurn } from "../turns.ts";
import type { Pipeline } from "./pipeline.ts";
import { driverView, provenance, rideView, type Speaker } from "./views.ts";

/** Actors looked at between two looks at the clock, and how long one slice may hold the event loop. */
const sliceActors = 512;
const sliceMs = 4;

type Search<F extends Fold, M, R> = {
  stage: "rides" | "locations";
  source: "ride-events" | "driver-locations";
  hosts: Host<F>[];
  after: string;
  limit: number;
  actors(fold: F): Iterable<M>;
  idOf(memory: M): string;
  fits(memory: M): boolean;
  show(memory: M, owner: Provenance): R;
};

export type Finding = { pipeline: Pipeline; clock: Clock; speaker(): Speaker };

export const findRides = (finding: Finding, wanted: RidesWanted): Promise<Found<RideRow>> =>
  find(finding, {
    stage: "rides",
    source: "ride-events",
    hosts: finding.pipeline.rides,
    ...wanted,
    actors: (fold) => fold.actors(),
    idOf: ({ ride }) => ride.id,
    fits: ({ ride }) =>
      (wanted.city === null || ride.city === wanted.city) &&
      (wanted.driverId === null || ride.driverId === wanted.driverId) &&
      (wanted.states === null || wanted.states.includes(ride.state)),
    show(memory, owner) {
      const { events: _, forgotten_at: _____, refused: __, marks: ___, attempts: ____, ...row } = rideView(
        memory,
        owner,
        finding.pipeline.context,
      );
      return row;
    },
  });

export const findDrivers = (finding: Finding, wanted: DriversWanted): Promise<Found<DriverRow>> =>
  find(finding, {
    stage: "locations",
    source: "driver-locations",
    hosts: finding.pipeline.locations,
    ...wanted,
    actors: (fold) => fold.actors(),
    idOf: ({ driver }) => driver.id,
    fits: ({ driver }) =>
      (wanted.city === null || driver.city === wanted.city) &&
      (wanted.rideId === null || driver.rideId === wanted.rideId) &&
      (wanted.statuses === null || wanted.statuses.includes(driver.status ?? "")),
    show({ driver }, owner) {
      const { trail: _, refused: __, ...row } = driverView(
        { driver, trail: [], refused: null },
        owner,
        finding.pipeline.context.cellResolution,
      );
      return row;
    },
  });

type Kept<M> = { id: string; memory: M; actor: PartitionActor };

async function find<F extends Fold, M, R>(
  { pipeline, clock, speaker }: Finding,
  search: Search<F, M, R>,
): Promise<Found<R>> {
  const { stage, source, hosts, after, limit, idOf, fits } = search;
  const kept: Kept<M>[] = [];
  const searched: number[] = [];
  for (const host of hosts) {
    for (const actor of [...host.actors.values()]) {
      const { partition } = actor.tp;
      const isWhole = actor.publishFrom === null && !host.isBehind(partition);
      let looked = 0;
      let sliceFromMs = clock.monotonicMs();
      for (const memory of search.actors(actor.fold)) {
        if (++looked % sliceActors === 0 && clock.monotonicMs() - sliceFromMs > sliceMs) {
          await sliceTurn(clock);
          sliceFromMs = clock.monotonicMs();
        }
        const id = idOf(memory);
        if (id > after && fits(memory)) keep(kept, { id, memory, actor }, limit + 1);
      }
      // One that was given up meanwhile is another node's to answer for.
      if (isWhole && host.actors.get(partition) === actor) searched.push(partition);
    }
  }
  return {
    stage,
    topic: topicName(source, pipeline.naming),
    partitions: pipeline.context.partitions[source],
    searched: searched.sort((a, b) => a - b),
    rows: kept.slice(0, limit).map(({ memory, actor }) => search.show(memory, provenance(actor, speaker()))),
    more: kept.length > limit,
  };
}

/** Keeps the `most` smallest ids, in order. */
function keep<M>(kept: Kept<M>[], row: Kept<M>, most: number): void {
  if (kept.length === most && row.id >= kept.at(-1)!.id) return;
  let from = 0;
  let until = kept.length;
  while (from < until) {
    const middle = (from + until) >> 1;
    if (kept[middle]!.id < row.id) from = middle + 1;
    else until = middle;
  }
  kept.splice(from, 0, row);
  if (kept.length > most) kept.pop();
}
