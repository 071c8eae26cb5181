/** City windows older than memory: the newest version of each, in the wire contract's shape. */
import type { CityWindow } from "../../schemas/city_window.ts";
import { type Analytics, sqlTime } from "./analytics.ts";
import { readQuery } from "./queries.ts";

export type WindowsWanted = {
  city: string;
  /** Window starts from here (inclusive) … */
  fromMs: number;
  /** … to here (exclusive). */
  toMs: number;
  /** At most so many; the latest ones. */
  limit: number;
};

/** Ordered by window start. Throws analytics_unavailable. */
export async function windowsHistory(analytics: Analytics, wanted: WindowsWanted): Promise<CityWindow[]> {
  const rows = await analytics.query<CityWindow>(await readQuery("windows_history"), {
    city: wanted.city,
    from: sqlTime(wanted.fromMs),
    to: sqlTime(wanted.toMs),
    limit: wanted.limit,
  });
  return rows.reverse();
}
