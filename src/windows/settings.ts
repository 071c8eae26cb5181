/** The measures of windows, and the few functions of time that follow from them. All times are event time, ms. */
import { minuteMs } from "../time.ts";

export type WindowSettings = {
  /** Length of a window; windows slide by one pane. */
  windowMs: number;
  /** How far the watermark stays behind the newest event. */
  delayMs: number;
  /** How long after its pane's end an event still counts. */
  latenessMs: number;
  /** How far ahead of its record's time an event may be. */
  skewMs: number;
  /** How long panes are held, at latest, after the last window over them closed by stand-ins. */
  holdMs: number;
};

/** A pane is one minute of one city; also the slide. */
export const paneMs = minuteMs;

export const paneStart = (timeMs: number): number => Math.floor(timeMs / paneMs) * paneMs;

/** Whether a pane still takes events while the partition's watermark is at `watermarkMs`. */
export function acceptsPane(
  paneStartMs: number,
  watermarkMs: number | null,
  settings: WindowSettings,
): boolean {
  return watermarkMs === null || watermarkMs < paneStartMs + paneMs + settings.latenessMs;
}
