/**
 * A fare from distance and time, where the data has none: 2.50 to begin with, 1.55 for each kilometre by
 * street and 0.20 for each minute. Integer cents.
 */

const baseCents = 250;
const centsPerKm = 155;
const centsPerMinute = 20;
/** Streets against the straight line. */
const streetFactor = 1.3;
/** Speed by street on which an estimate counts. */
const estimatedKmh = 20;

export const streetKmOf = (straightKm: number): number => straightKm * streetFactor;

export function fareCents(trip: { streetKm: number; minutes: number }): number {
  return Math.round(baseCents + centsPerKm * trip.streetKm + centsPerMinute * trip.minutes);
}

/** What is quoted before anyone knows how long it will take. */
export function estimatedFareCents(streetKm: number): number {
  return fareCents({ streetKm, minutes: streetKm / estimatedKmh * 60 });
}

/** Cents as a JSON number with two decimals. */
export function moneyText(cents: number): string {
  const rest = cents % 100;
  return `${(cents - rest) / 100}.${rest < 10 ? "0" : ""}${rest}`;
}
