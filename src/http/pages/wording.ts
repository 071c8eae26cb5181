/** Figures, times and spans as people read them. All times are UTC; a dash stands for what is not known. */
import { type Markup, markup } from "./markup.ts";

export const none = "–";
const thin = "\u202f";
const numbers = new Intl.NumberFormat("en-GB");
const money = new Intl.NumberFormat("en-GB", { minimumFractionDigits: 2, maximumFractionDigits: 2 });

type Maybe<T> = T | null | undefined;

export const whole = (n: Maybe<number>): string => n == null ? none : numbers.format(n);
export const amount = (n: Maybe<number>): string => n == null ? none : money.format(n);
export const percent = (share: Maybe<number>, digits: number): string =>
  share == null ? none : `${(share * 100).toFixed(digits)}${thin}%`;
export const factor = (n: Maybe<number>): string => n == null ? none : `${n.toFixed(1)}${thin}×`;
export const withUnit = (n: Maybe<number>, unit: string, digits = 0): string =>
  n == null ? none : `${n >= 1_000 ? numbers.format(Math.round(n)) : n.toFixed(digits)}${thin}${unit}`;

/** Hours and minutes, or with seconds, of a time on the wire. */
export const clockOf = (iso: Maybe<string>, seconds = false): string =>
  iso == null ? none : iso.slice(11, seconds ? 19 : 16);

/** With the day where that is not today, and with milliseconds where `exact`. */
export function timeText(iso: Maybe<string>, nowMs: number, exact = false): string {
  if (iso == null) return none;
  const day = new Date(nowMs).toISOString().slice(0, 10) === iso.slice(0, 10) ? "" : `${iso.slice(0, 10)} `;
  return `${day}${iso.slice(11, exact ? 23 : 19)}`;
}

export const timeOf = (iso: Maybe<string>, nowMs: number, exact = false): Markup =>
  iso == null ? markup`${none}` : markup`<time datetime="${iso}">${timeText(iso, nowMs, exact)}</time>`;

/** How long, in the one unit that says enough. */
export function spanText(ms: number): string {
  const s = Math.max(0, Math.round(ms / 1_000));
  if (s < 120) return `${s} s`;
  if (s < 7_200) return `${Math.round(s / 60)} min`;
  if (s < 172_800) return `${Math.round(s / 3_600)} h`;
  if (s < 63_115_200) return `${whole(Math.round(s / 86_400))} days`;
  return `${Math.round(s / 31_557_600)} years`;
}

/** How long between two times of one story: with two units, and tenths of a second below a minute. */
export function gapText(ms: number): string {
  const sign = ms < 0 ? "−" : "";
  const s = Math.abs(ms) / 1_000;
  if (s < 60) return `${sign}${s.toFixed(s < 10 ? 1 : 0)} s`;
  const [minutes, seconds] = [Math.floor(s / 60), Math.round(s % 60)];
  if (s < 3_600) return seconds === 0 ? `${sign}${minutes} min` : `${sign}${minutes} min ${seconds} s`;
  return s < 172_800 ? `${sign}${Math.floor(s / 3_600)} h ${minutes % 60} min` : `${sign}${spanText(ms)}`;
}

/** Seconds of a measure: tenths while they matter. */
export const secondsText = (s: Maybe<number>): string =>
  s == null ? none : s < 10 ? `${s.toFixed(1)} s` : spanText(s * 1_000);

/** An age that the page counts on by itself. */
export const age = (iso: string, nowMs: number): Markup =>
  markup`<span data-age="${iso}">${spanText(nowMs - Date.parse(iso))}</span>`;

/** A machine's word as people write it. */
export const spaced = (word: string): string => word.replaceAll("_", " ");

export const plural = (n: number, one: string, many = `${one}s`): string =>
  `${whole(n)} ${n === 1 ? one : many}`;
