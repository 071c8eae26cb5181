/**
 * ClickHouse's twin for the sink: tables whose rows replace each other within a partition, a short deduplication
 * window, inserts that are not atomic over partitions, blocks refused for a row, too many parts.
 *
 * Leaves out: SQL, types, merges in time (rows are read as with FINAL), TTL.
 */
import { WaymarkError } from "../../src/errors.ts";
import type { Analytics, InsertAnswer, InsertTarget } from "../../src/sinks/analytics.ts";
import { secondMs } from "../../src/time.ts";
import type { Random } from "../../src/traffic/random.ts";
import type { Plan } from "./plan.ts";
import type { Points } from "./points.ts";
import type { Wire } from "./wire.ts";

export type Row = Record<string, unknown>;

/** What sql/ says of each table: what a row is, which one stands, and where rows can meet. */
const shapes: Record<string, { key: string[]; version: string | null; partition(row: Row): string }> = {
  ride_events: {
    key: ["log_epoch", "topic", "partition", "offset"],
    version: null,
    partition: dayOf("log_time"),
  },
  driver_locations: {
    key: ["log_epoch", "topic", "partition", "offset"],
    version: null,
    partition: dayOf("log_time"),
  },
  city_windows: { key: ["city", "window_start"], version: "rev", partition: dayOf("window_start") },
  ride_facts: { key: ["fact_id"], version: "generation", partition: dayOf("log_time") },
  alerts: {
    key: ["rule", "city", "window_end", "alert_id", "state"],
    version: "rev",
    partition: dayOf("window_end"),
  },
  dead_letters: {
    key: ["log_epoch", "topic", "partition", "offset"],
    version: "generation",
    partition: dayOf("log_time"),
  },
  late_events: {
    key: ["log_epoch", "topic", "partition", "offset"],
    version: "generation",
    partition: dayOf("log_time"),
  },
};

/** A simulation is shorter than a day: partitions are five minutes long, so that blocks span them. */
function dayOf(column: string): (row: Row) => string {
  return (row) => String(Math.floor(Number(row[column]) / 300_000));
}

/** Rows with this text in them are of a kind that ClickHouse does not take. */
export const refusedMark = "refuse-me";

export type ClickHouseService = {
  insert(into: InsertTarget, lines: readonly string[], token: string): InsertAnswer;
  /** As with FINAL. */
  rows(table: string): Row[];
  /** A process begins to read a partition: what it reads again it may cut into other blocks. */
  begins(who: string, tp: string): void;
  /** A process asks for a block to be inserted, whatever becomes of that. */
  offered(who: string, table: string, lines: readonly string[], token: string): void;
  /** What can only be seen from here: blocks under one token with two contents, rows under two tokens. */
  breaches(): string[];
};

type Table = { parts: Map<string, Map<string, Row>>; tokens: string[] };
type Service = { random: Random; points: Points; plan: Plan };

export function createClickHouse({ random, points, plan }: Service): ClickHouseService {
  const tables = new Map<string, Table>();
  const contents = new Map<string, string>();
  const tokensOfRow = new Map<string, string>();
  const offers = new Set<string>();
  const blocks = new Map<string, Map<string, number>>();
  const beginnings = new Map<string, number>();
  const breaches: string[] = [];
  const windowBlocks = [1, 4, 100][random.below(3)]!;

  function tableOf(name: string): Table {
    let table = tables.get(name);
    if (table === undefined) tables.set(name, table = { parts: new Map(), tokens: [] });
    return table;
  }

  function put(table: Table, name: string, partition: string, rows: Row[]): void {
    const { key, version } = shapes[name]!;
    const held = table.parts.get(partition) ?? new Map<string, Row>();
    table.parts.set(partition, held);
    for (const row of rows) {
      const id = JSON.stringify(key.map((column) => row[column]));
      const before = held.get(id);
      if (before !== undefined && version !== null && newer(before[version], row[version])) continue;
      held.set(id, row);
    }
  }

  function watch(who: string, table: string, lines: readonly string[], token: string): void {
    const name = `${table} ${token}`;
    const content = lines.join("\n");
    const before = contents.get(name);
    if (before !== undefined && before !== content) {
      breaches.push(`${table}: token ${token} came with other rows: ClickHouse would drop them`);
    }
    contents.set(name, content);
    // What is left of a block that was cut before the partition went away and came back keeps its borders.
    const block = `${who} ${table} ${token.replace(/\[.*$/, "")}`;
    const begun = blocks.get(block) ?? new Map(beginnings);
    blocks.set(block, begun);
    // A block with a refused row is halved until the row is alone: the same rows, on purpose.
    if (offers.has(`${who} ${name}`) || lines.some((line) => line.includes(refusedMark))) return;
    offers.add(`${who} ${name}`);
    // Only where a row names its record: what is published twice is two records with one text.
    for (const line of table === "ride_events" || table === "driver_locations" ? lines : []) {
      const [, topic, partition] = JSON.parse(line) as unknown[];
      const row = `${who} ${begun.get(`${who} ${topic}/${partition}`)} ${table} ${line}`;
      const first = tokensOfRow.get(row);
      if (first !== undefined && first !== token) {
        breaches.push(
          `${table}: a row came again under token ${token}, after ${first}: ${line.slice(0, 120)}`,
        );
      }
      tokensOfRow.set(row, token);
    }
  }

  return {
    insert({ table: name, columns }, lines, token) {
      if (lines.some((line) => line.includes(refusedMark))) {
        points.sometimes("row_refused");
        return { taken: false, message: "Cannot parse input: this row is of a kind that is refused" };
      }
      const shape = shapes[name];
      if (shape === undefined) throw new Error(`the twin knows no table ${name}`);
      const table = tableOf(name);
      const rows = lines.map((line) => {
        const cells = JSON.parse(line) as unknown[];
        return Object.fromEntries(columns.map((column, i) => [column, cells[i]]));
      });
      const parts = [...Map.groupBy(rows, shape.partition)];
      for (const [i, [partition, some]] of parts.entries()) {
        const block = `${partition} ${token}`;
        if (table.tokens.includes(block)) {
          points.sometimes("insert_deduplicated");
          continue;
        }
        if (contents.has(`forgotten ${name} ${block}`)) points.sometimes("insert_forgotten");
        put(table, name, partition, some);
        table.tokens.push(block);
        contents.set(`forgotten ${name} ${block}`, "");
        if (table.tokens.length > windowBlocks) table.tokens.shift();
        if (i < parts.length - 1 && random.chance(plan.rates.insert_torn)) {
          points.sometimes("insert_torn");
          throw new WaymarkError("analytics_unavailable", "the server ended in the middle of an insert");
        }
      }
      return { taken: true };
    },
    rows: (name) => [...tableOf(name).parts.values()].flatMap((rows) => [...rows.values()]),
    begins(who, tp) {
      const name = `${who} ${tp}`;
      beginnings.set(name, (beginnings.get(name) ?? 0) + 1);
    },
    offered: watch,
    breaches: () => breaches,
  };
}

/** Versions are numbers, or decimal strings of one length. */
const newer = (a: unknown, b: unknown) => typeof a === "string" ? a > String(b) : Number(a) > Number(b);

const callMs = 5 * secondMs;

export function analyticsClient(
  service: ClickHouseService,
  { wire, random, points, plan, who }: Service & { wire: Wire; who: string },
): Analytics {
  const failure = (why: string) => new WaymarkError("analytics_unavailable", `cannot insert: ${why}`);
  let tail: Promise<unknown> = Promise.resolve();
  return {
    insert(into, lines, { token }) {
      service.offered(who, into.table, lines, token);
      const answer = tail.then(() =>
        wire.call<InsertAnswer>({
          to: "clickhouse",
          label: "insert",
          apply: () => {
            if (random.chance(plan.rates.too_many_parts)) {
              points.sometimes("too_many_parts");
              throw failure("Code: 252. DB::Exception: Too many parts");
            }
            return service.insert(into, lines, token);
          },
          timeoutMs: callMs,
          failure,
          rates: { lost: plan.rates.insert_lost, unanswered: plan.rates.insert_unanswered },
          points: { lost: "insert_lost", unanswered: "insert_unanswered" },
        })
      );
      tail = answer.catch(() => {});
      return answer;
    },
    query: () => Promise.reject(failure("the twin answers no queries")),
    command: () => Promise.resolve(),
    ping: () => Promise.resolve(true),
    close: async () => {},
  };
}
