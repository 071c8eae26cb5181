/**
 * The queries of sql/queries/ as a program can ask them. Those for panels are written with the macros of Grafana's
 * ClickHouse data source; here they are filled in the way it does, so that what is tested is what a panel asks.
 */
import { readdir, readFile } from "node:fs/promises";
import { type QueryParameters, sqlTime } from "../../src/sinks/analytics.ts";
import { secondMs } from "../../src/time.ts";

export type Chosen = {
  fromMs: number;
  toMs: number;
  cities: readonly string[];
  /** Seconds that one point of a chart stands for. */
  intervalS: number;
};

const folder = new URL("../../sql/queries/", import.meta.url);

export async function queryNames(): Promise<string[]> {
  return (await readdir(folder)).map((file) => file.replace(/\.sql$/, "")).sort();
}

/** The text without macros, and values for every `{name:Type}` in it. */
export async function askable(
  name: string,
  chosen: Chosen,
): Promise<{ text: string; parameters: QueryParameters }> {
  const text = withoutMacros(await readFile(new URL(`${name}.sql`, folder), "utf8"), chosen);
  const { fromMs, toMs, cities } = chosen;
  const values: QueryParameters = {
    now: sqlTime(toMs),
    from: sqlTime(fromMs),
    to: sqlTime(toMs),
    city: cities[0] ?? "",
    topic: "ride-events",
    limit: 60,
    window_minutes: 5,
  };
  const asked = [...text.matchAll(/\{(\w+):/g)].map(([, parameter]) => parameter!);
  return { text, parameters: Object.fromEntries(asked.map((key) => [key, values[key] ?? null])) };
}

/** Times are whole seconds and both ends are inside: so does the data source. Throws on a macro it does not know. */
export function withoutMacros(text: string, { fromMs, toMs, cities, intervalS }: Chosen): string {
  const [from, to] = [fromMs, toMs].map((ms) => `toDateTime(${Math.floor(ms / secondMs)})`);
  const filled = text
    .replaceAll(/\$__timeFilter\((\w+)\)/g, (_, column) => `${column} >= ${from} AND ${column} <= ${to}`)
    .replaceAll(
      /\$__timeInterval\((\w+)\)/g,
      (_, column) => `toStartOfInterval(toDateTime(${column}), INTERVAL ${intervalS} second)`,
    )
    .replaceAll("$__fromTime", from!)
    .replaceAll("$__toTime", to!)
    .replaceAll("$__interval_s", String(intervalS))
    .replaceAll("${city:sqlstring}", cities.map((city) => `'${city.replaceAll("'", "''")}'`).join(","));
  const unknown = /\$\S+/.exec(filled)?.[0];
  if (unknown !== undefined) throw new Error(`cannot fill in ${unknown}: no such macro`);
  return filled;
}
