/** A window taken apart, from what the cities' fold of this process holds: who told what, and what is waited for. */
import type { ExplainedLate, ExplainedSource, WindowExplanation } from "../../schemas/explanation.ts";
import type { Provenance } from "../http/handles.ts";
import { type Analytics, sqlTime } from "../sinks/analytics.ts";
import { readQuery } from "../sinks/queries.ts";
import type { CitiesFold } from "../stages/cities.ts";
import { field } from "../stages/pane_fields.ts";
import { isoTime } from "../time.ts";
import type { WindowParts } from "../windows/merge.ts";
import { effectiveWatermark, holder, type Source } from "../windows/sources.ts";

/** What memory knows; `late` is ClickHouse's to say. */
export type HeldExplanation = Omit<WindowExplanation, "late">;

/** Null when the window is not held, or nothing happened in it. */
export function explainWindow(
  fold: CitiesFold,
  city: string,
  endMs: number,
): Omit<HeldExplanation, "owner"> | null {
  const window = fold.window(city, endMs, "final");
  if (window === null) return null;
  const phase = (["open", "closed", "closed_with_supply"] as const)[Number(window.rev.at(-1))]!;
  const { rideMs, allMs } = fold.watermarks;
  const startMs = Date.parse(window.window_start);
  return {
    city,
    window_start: window.window_start,
    window_end: window.window_end,
    phase,
    window: phase === "open" ? { ...window, kind: "update" } : window,
    watermarks: { rides: shown(rideMs), all: shown(allMs) },
    sources: explainSources(fold.sources, fold.parts(city, endMs), endMs),
    missed: fold.missed.filter(({ city: missed, minute }) =>
      missed === city && Date.parse(minute) >= startMs && Date.parse(minute) < endMs
    ).map(({ source, minute, events, counted }) => ({ source, minute, events, counted })),
  };
}

export const explanationOf = (
  held: Omit<HeldExplanation, "owner">,
  owner: Provenance,
): HeldExplanation => ({ ...held, owner });

function explainSources(sources: readonly Source[], parts: WindowParts, endMs: number): ExplainedSource[] {
  const holding = new Set([
    holder(sources.filter(({ topic }) => topic === "ride-events")),
    holder(sources),
  ]);
  return sources.map((source, index) => {
    const panes = parts.flatMap(([paneStartMs, registers]) =>
      registers.filter(([from]) => from === index).map(([, position, offset, values]) => {
        const value = (name: keyof typeof field) => values[field[name]] ?? 0;
        return {
          minute: isoTime(paneStartMs),
          position,
          offset,
          events: value("total_events"),
          requests: value("requests"),
          acceptances: value("acceptances"),
          starts: value("starts"),
          completions: value("completions"),
          cancellations: value("cancellations"),
        };
      })
    );
    const counting = effectiveWatermark(source);
    const ms = counting === "absent" ? Infinity : counting ?? -Infinity;
    return {
      topic: source.topic,
      partition: source.partition,
      state: stateOf(source),
      watermark: shown(ms),
      own_watermark: shown(source.watermarkMs),
      next_offset: source.nextOffset,
      waited_for: ms < endMs,
      holds_watermark: holding.has(source),
      foreign_records: source.foreign,
      events: panes.reduce((sum, { events }) => sum + events, 0),
      panes,
    };
  });
}

function stateOf(source: Source): ExplainedSource["state"] {
  if (source.ended) return "ended";
  if (source.idle === null) return source.watermarkMs === null ? "not_heard_of" : "heard";
  return source.idle.standInMs === null && source.watermarkMs === null ? "no_records" : "idle";
}

const shown = (ms: number | null): string | null => ms === null || !Number.isFinite(ms) ? null : isoTime(ms);

export type LateAsked = { city: string; fromMs: number; untilMs: number; topic: string };

/** Events of the span that came behind their watermark. Throws analytics_unavailable. */
export async function lateEvents(analytics: Analytics, asked: LateAsked): Promise<ExplainedLate[]> {
  type Row = Omit<ExplainedLate, "names_city" | "first_offset" | "last_offset" | "events"> & {
    names_city: number;
    events: string;
    first_offset: string;
    last_offset: string;
  };
  const rows = await analytics.query<Row>(await readQuery("late_in_window"), {
    city: asked.city,
    from: sqlTime(asked.fromMs),
    to: sqlTime(asked.untilMs),
    topic: asked.topic,
  });
  return rows.map((row) => ({
    ...row,
    names_city: row.names_city === 1,
    events: Number(row.events),
    first_offset: Number(row.first_offset),
    last_offset: Number(row.last_offset),
  }));
}
