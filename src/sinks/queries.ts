/** The named queries of sql/queries/, for the pages and for the programs that check our numbers. */
import { readFile } from "node:fs/promises";

export type QueryName =
  | "city_performance_last_hour"
  | "city_windows_from_raw"
  | "late_in_window"
  | "requests_per_minute"
  | "windows_history";

/** The text of sql/queries/`name`.sql, read where this release is installed. */
export async function readQuery(name: QueryName): Promise<string> {
  return await readFile(new URL(`../../sql/queries/${name}.sql`, import.meta.url), "utf8");
}
