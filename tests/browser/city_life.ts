/** What stands behind one city of the world that pages are looked at with: cells, and rides that were cancelled. */
import { cellAt, cellsNear } from "../../actors/cell.ts";
import type { AlertTransition } from "../../schemas/alert.ts";
import { isoTime, secondMs } from "../../src/time.ts";
import { formatRev } from "../../src/windows/rev.ts";
import type { Twin } from "../unit/http/twin.ts";

const middle = { lat: 40.758, lng: -73.9855 };

/** The cell and those around it, three rings wide, each with figures that fall towards the rim. */
export async function publishCells(twin: Twin, city: string, atMs: number): Promise<void> {
  let known = new Set([cellAt(middle, 8)]);
  for (let ring = 0; ring < 4; ring++) known = new Set([...known].flatMap(cellsNear));
  const cells = [...known].sort().map((cell, i) => {
    const wanted = Math.max(0, Math.round(26 * Math.abs(Math.sin(i * 1.7)) - 4));
    const surge = wanted > 16 ? Math.round((1 + (wanted - 14) / 10) * 10) / 10 : 1;
    return [cell, wanted, Math.round(9 * Math.abs(Math.cos(i))), surge];
  });
  await twin.write("city-cells", { city, at: isoTime(atMs), rev: formatRev(1, 1, 2), resolution: 8, cells });
}

const endings = [
  ["rider", "changed_mind", null],
  ["driver", "too_far", "driver-17"],
  ["system", "no_driver", null],
  ["rider", "waited too long at the corner", "driver-204"],
  ["driver", "no_show", "driver-88"],
] as const;

export async function publishCancelled(twin: Twin, city: string, nowMs: number): Promise<void> {
  for (let i = 0; i < 25; i++) {
    const [by, reason, driver] = endings[i % endings.length]!;
    const endedMs = nowMs - (25 - i) * 47 * secondMs;
    await twin.write("ride-facts", {
      fact_id: `0/ride-events/0/${i}/0`,
      generation: 1,
      ride_id: `ride-${7_300 + i * 13}`,
      city,
      outcome: "cancelled",
      cancelled_by: by,
      reason,
      driver_id: driver,
      user_id: `user-${i}`,
      ended_at: isoTime(endedMs),
      requested_at: isoTime(endedMs - (88 + i * 11) * secondMs),
      attempts: driver === null ? 0 : 1 + i % 2,
    });
  }
}

/** A receiver that was told, and somebody who has taken the alert over. */
export async function tellOf(twin: Twin, alert: AlertTransition): Promise<void> {
  const { alert_id, rule, city, dedup_key, window_end, rev } = alert;
  const about = { alert_id, rule, city, at: window_end, by: "kim" };
  const told = { dedup_key, window_end, rev, state: "firing", outcome: "accepted", detail: "202" };
  await twin.write("alert-journal", { ...about, kind: "delivery", id: "1", receiver: "pagerduty", ...told });
  await twin.write("alert-journal", { ...about, kind: "acknowledge", id: "2", why: "calling the depot" });
}
