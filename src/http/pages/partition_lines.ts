/** Partitions as lines of a table: where each stands, what comes out of it, and what of its records was odd. */
import type { LedgerView, PartitionView } from "../../../schemas/http.ts";
import { cellsOf, type Column, line } from "./layout.ts";
import { type Markup, markup } from "./markup.ts";
import { clockOf, none, secondsText, spaced, whole } from "./wording.ts";

export const partitionColumns: readonly Column[] = [
  { key: "name", label: "Partition" },
  { key: "state", label: "State" },
  { key: "owner", label: "Owner" },
  { key: "position", label: "Position", help: "offset of the next record to be folded" },
  { key: "end", label: "End", help: "end of the log" },
  { key: "waiting", label: "Lag", help: "records between the two" },
  { key: "lag", label: "Lag, time", help: "how long ago the last folded record came; 0 without lag" },
  { key: "watermark", label: "Watermark" },
  { key: "behind", label: "Behind", help: "how far the watermark is behind the clock" },
  { key: "out", label: "Out", help: "records published since this owner took it over" },
  { key: "late", label: "Late", help: "events behind the watermark that were counted all the same" },
  { key: "refused", label: "Refused", help: "events that came too late, and dead letters" },
  { key: "snapshot", label: "Snapshot", help: "age of the newest snapshot" },
];

export type Counts = LedgerView["partitions"][number];

const stateTones: Partial<Record<PartitionView["state"], string>> = {
  stopped: "bad",
  unowned: "bad",
  unknown: "bad",
  restoring: "warn",
  warming_up: "warn",
};

/** `counts`: null of a partition that is no source, or that nobody has counted yet. */
export function partitionLine(p: PartitionView, counts: Counts | null): Markup {
  const name = `${p.topic}/${p.partition}`;
  const said = `${spaced(p.state)}${p.idle ? ", idle" : ""}`;
  const holds = p.holds_watermark ? markup`<small>holds the watermark</small>` : null;
  const why = p.error === null ? null : markup`<small title="${p.error.message}">${p.error.code}</small>`;
  const late = (seconds: number | null, from: number) =>
    seconds !== null && seconds > from && !p.idle ? "warn" : "";
  const refused = counts === null ? null : counts.too_late + counts.dead_lettered;
  return line(
    name,
    cellsOf(partitionColumns, [
      name,
      toned(stateTones[p.state] ?? "", markup`${said}${why}${holds}`),
      p.owner === "" ? none : p.owner,
      whole(p.position),
      whole(p.log_end),
      whole(p.lag_records),
      toned(p.lag_seconds > 30 ? "bad" : "", secondsText(p.lag_seconds)),
      clockOf(p.watermark, true),
      toned(late(p.watermark_behind_seconds, 120), secondsText(p.watermark_behind_seconds)),
      whole(p.published),
      whole(counts?.late),
      refused === null ? none : tinted(refused),
      secondsText(p.snapshot_age_seconds),
    ]),
    { tone: p.state === "running" ? "" : "is-apart", say: `${name}: ${said}` },
  );
}

/** The page has hundreds of these: none is wrapped for nothing. */
const toned = (tone: string, text: Markup | string): Markup | string =>
  tone === "" ? text : markup`<span class="${tone}">${text}</span>`;

/** A count that should be none. */
export const tinted = (n: number): Markup | string => toned(n === 0 ? "" : "warn", whole(n));
