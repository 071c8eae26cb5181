/** `sometimes`: things that must happen in a long run, or the simulation does not look where it says it does. */

export type Points = {
  sometimes(name: PointName): void;
  readonly counts: ReadonlyMap<PointName, number>;
};

/** Every point, with what it stands for. */
export const pointNames = {
  crash: "a process was killed",
  crash_while_publishing: "a process was killed while an append was in flight",
  crash_while_snapshotting: "a process was killed while a snapshot was being stored",
  crash_while_restoring: "a process was killed before it had restored everything",
  crash_between_snapshot_and_commit: "a process was killed after a manifest was stored and before its commit",
  stop: "a process was stopped and went on",
  zombie: "a process went on after its partitions had gone to others",
  zombie_published: "a process published for a partition that others owned",
  zombie_snapshot: "a process stored a snapshot of a partition that others owned",
  zombie_commit_refused: "a commit of a partition that others owned was refused",
  cut_one_way: "requests arrived and replies did not",
  drained: "a process gave back everything in order while it ran",
  rebalance: "a partition went from one process to another in order",
  expelled: "a process was silent for a session and lost its partitions",
  append_lost: "an append never arrived",
  append_unanswered: "an append was applied and not acknowledged",
  append_late: "an append arrived after its sender had given it up",
  append_twice: "an append was applied twice",
  append_torn: "an append was applied to some of its partitions",
  append_from_the_dead: "an append arrived after its sender had been killed",
  fetch_early: "a fetch brought records from before the offset that was asked for",
  fetch_failed: "a fetch failed",
  gap: "offsets were left out, as compaction and transactions do",
  log_down: "the log was away",
  log_clock_stepped: "the log's clock was stepped",
  wall_clock_stepped: "a process's wall clock was stepped",
  trimmed: "records below every snapshot were let go",
  snapshot_lost: "storing a snapshot failed",
  snapshot_unanswered: "a manifest was stored and not acknowledged",
  snapshot_torn: "a stored snapshot was damaged",
  snapshot_swapped: "a stored segment had the bytes of another one",
  snapshot_stale: "the store went back to an old dump",
  snapshot_wiped: "the store was emptied",
  store_down: "the store was away",
  restored: "a partition was restored from a snapshot",
  restored_older: "a partition was restored from an older snapshot, the newest being damaged",
  segment_shared: "two manifests named one segment",
  older_refused: "the store answered that it had a newer snapshot",
  insert_lost: "an insert never arrived",
  insert_unanswered: "an insert was applied and not answered",
  insert_torn: "an insert was applied to some partitions of its table",
  insert_deduplicated: "a repeated block was recognised",
  insert_forgotten: "a block was repeated beyond the deduplication window",
  too_many_parts: "ClickHouse had too many parts",
  clickhouse_down: "ClickHouse was away",
  row_refused: "ClickHouse refused a row",
  duplicate: "an event came twice",
  late: "an event came late and counted",
  too_late: "an event came too late",
  future: "an event came from a clock that is fast",
  poison: "a record was no event",
  duplicate_too_late: "a repeated event came when its window was closed",
  city_of_ride: "an event without a city took its ride's",
  idle: "a partition was declared idle",
  resumed_after_idle: "a partition had records again after it had been idle",
  missed_after_idle: "a pane was listed as missed",
  revision: "a closed window was revised",
  alert_firing: "an alert fired",
  alert_resolved: "an alert was resolved",
  refused: "a process refused to go on (exit 3)",
  log_replaced: "a topic was made anew under its name",
  log_rolled_back: "the log lost its newest records",
  log_trimmed_too_far: "records were let go that a restart needed",
  core_only: "all but one process stayed away after healing",
} as const;

export type PointName = keyof typeof pointNames;

export function createPoints(): Points {
  const counts = new Map<PointName, number>();
  return {
    sometimes: (name) => void counts.set(name, (counts.get(name) ?? 0) + 1),
    counts,
  };
}
