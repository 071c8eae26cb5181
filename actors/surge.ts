/**
 * Surge: what a ride should cost for a while, from requests and free drivers. Pure.
 *
 *   pressure  requests in the last minute per available driver, no more than the cap is worth
 *   smoothed  four fifths of the way to a higher pressure, half of the way to a lower one
 *   target    1 + gain × (smoothed − balance), from 1.0 to the cap
 *   surge     the target in steps of 0.1; stays until the target is a whole step away, a quarter of an hour at most
 *
 * With rides of 18 minutes a fleet at 64 % utilisation has a pressure of 0.1, at 74 % of 0.16, at 85 % of 0.31. Where
 * no driver spoke for a boundary, positions are missing and not drivers: surge falls back to 1.0 and begins anew.
 */
import { minuteMs } from "../src/time.ts";

export type SurgeTerms = {
  /** Pressure up to which there is no surge, requests a minute per available driver. */
  balance: number;
  /** Surge for each further request a minute per available driver. */
  gain: number;
  /** The most surge can be. */
  cap: number;
};

/** The surge as of the boundary `atMs`, and the pressures it comes from, oldest first. */
export type SurgeMemory = { atMs: number; pressures: number[]; surge: number };

/** Boundaries that the surge of a city remembers: what began earlier is forgotten, by a replay as by a cold start. */
export const surgeMinutes = 15;

/** What a boundary says of a city, or of a cell and its neighbours. */
export type Pressure = {
  requestsPerMinute: number;
  available: number;
  /** Whether drivers spoke, for this boundary and the one before. */
  isKnown: boolean;
};

/** Riders wait for drivers that a price brings, so it rises sooner than it falls. */
const weights = { rise: 0.8, fall: 0.5 };
const step = 0.1;
/** Half a step below, so that a target that is a whole step away but for rounding moves the surge. */
const hysteresis = step - 1e-6;

/** The surge after the boundary, from it and up to `minutes − 1` before it without a break. */
export function nextSurge(
  memory: SurgeMemory | null,
  atMs: number,
  { requestsPerMinute, available, isKnown }: Pressure,
  terms: SurgeTerms,
  minutes: number = surgeMinutes,
): SurgeMemory | null {
  if (!isKnown) return null;
  // More would only make the way back longer: a minute with hardly a driver would be felt for ten.
  const most = terms.balance + (terms.cap - 1) / terms.gain;
  const pressure = Math.min(most, requestsPerMinute / Math.max(1, available));
  const before = memory !== null && atMs - memory.atMs <= minuteMs ? memory.pressures : [];
  const pressures = [
    ...before.slice(Math.max(0, before.length + 1 - minutes)),
    Math.round(pressure * 1e6) / 1e6,
  ];
  return { atMs, pressures, surge: surgeOf(pressures, terms) };
}

/** A function of the pressures and nothing else. */
function surgeOf(pressures: readonly number[], { balance, gain, cap }: SurgeTerms): number {
  let smoothed = pressures[0] ?? 0;
  let surge = 1;
  for (const pressure of pressures) {
    smoothed += (pressure > smoothed ? weights.rise : weights.fall) * (pressure - smoothed);
    const target = Math.min(cap, Math.max(1, 1 + gain * (smoothed - balance)));
    if (Math.abs(target - surge) >= hysteresis) surge = Math.round(target / step) / (1 / step);
  }
  return surge;
}
