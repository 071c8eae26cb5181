/** Money on the wire (a JSON number with at most two decimals) ↔ integer cents inside. */

/**
 * Cents, or null when the amount has more than two decimals. Binary noise such as 0.1 + 0.2 is not a decimal:
 * an amount within a millionth of a cent of whole cents counts as whole.
 */
export function toCents(amount: number): number | null {
  const cents = Math.round(amount * 100);
  return Math.abs(amount * 100 - cents) <= 1e-6 ? cents : null;
}

/** The amount as it goes out. */
export const fromCents = (cents: number): number => cents / 100;

/** Integer division, halves up: the mean of `count` amounts in whole cents. */
export const meanCents = (sum: number, count: number): number => Math.floor((2 * sum + count) / (2 * count));
