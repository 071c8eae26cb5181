/** The ledger as people read it in a terminal. */
import type { LedgerView } from "../http/handles.ts";

export function ledgerText(ledger: LedgerView): string {
  const lines = Object.entries(ledger.total).map(([topic, total]) => {
    const n = (value: number) => value.toLocaleString("en");
    return `${topic}: read ${n(total.read)} = counted ${n(total.counted)} + duplicates ${
      n(total.duplicates)
    } + too_late ${n(total.too_late)} + ` +
      `dead_lettered ${n(total.dead_lettered)}   (late ${n(total.late)}, misplaced ${n(total.misplaced)})`;
  });
  const missed = ledger.missed_after_idle.length;
  return [
    ...lines,
    ...(missed > 0 ? [`missed after idle: ${missed} panes`] : []),
    `ledger ${ledger.balanced ? "balanced" : "NOT BALANCED"}`,
  ].join("\n");
}
