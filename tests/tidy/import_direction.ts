/**
 * Who may import whom, as data.
 *
 *   schemas, std ◄── root files ◄── actors, codec, windows, alerts ◄── stages        pure
 *                                   log, snapshots, telemetry ◄── runtime, sinks     ports and adapters
 *                                   http, clickhouse_door, traffic                   doors
 *   src/node, src/commands, src/main.ts, scripts, tests, bench                       everything
 *
 * An area is a folder of src, a top-level folder, or a file or folder with a row of its own. `may` names areas or single files; `types` names what may be
 * imported with `import type` only, each with its reason.
 */
import type { Syntax } from "./syntax.ts";

type Row = {
  may: readonly string[];
  types?: Readonly<Record<string, string>>;
  /** Packages and runtime modules (`node:zlib`); a client library belongs to one area. */
  packages?: readonly string[];
};

export const importTable: Readonly<Record<string, Row>> = {
  schemas: { may: [], packages: ["zod"] },
  std: { may: [] },
  root: { may: ["root", "std"] },
  "src/fold.ts": {
    may: ["root"],
    types: {
      "src/log/port.ts": "the contract between stage and runtime speaks of records",
      "src/log/topics.ts": "and of the topics that outputs go to",
    },
  },
  // Types only, so that it is bundled without anything else.
  "src/client.ts": {
    may: [],
    types: Object.fromEntries(
      [
        "alert_journal",
        "alert_notes",
        "driver_location",
        "erasure",
        "explanation",
        "http",
        "http_answers",
        "ride_event",
      ].map((name) => [
        `schemas/${name}.ts`,
        "what the doors take and answer with",
      ]),
    ),
  },
  // What a thread has cost, only the runtime knows.
  "src/time.ts": { may: [], packages: ["node:process"] },
  // ClickHouse must be able to compute the same hash.
  "src/erased.ts": { may: ["root"], packages: ["node:crypto"] },
  // Comparing in constant time is not ours to write.
  "src/keys.ts": { may: ["root"], packages: ["node:crypto"] },
  "src/sqlite_file.ts": {
    may: ["root"],
    packages: ["node:fs", "node:path", "node:sqlite"],
  },
  actors: { may: ["schemas", "root"], packages: ["h3-js"] },
  codec: { may: ["schemas", "root"], packages: ["typebox", "typebox/compile", "zod"] },
  windows: { may: ["schemas", "root"] },
  alerts: { may: ["schemas", "root"] },
  // Rules and the journal are pure; who tells the receivers reads the log and speaks HTTP.
  "src/alerts/notifiers": {
    may: [
      "alerts",
      "codec",
      "schemas",
      "telemetry",
      "root",
      "src/log/port.ts",
      "src/log/topics.ts",
      "src/log/read_next.ts",
    ],
    packages: ["node:crypto", "node:dns/promises", "node:http", "node:https", "node:net"],
  },
  stages: {
    may: ["actors", "codec", "windows", "alerts", "schemas", "root"],
    types: { "src/log/topics.ts": "a stage names the topics it reads and writes" },
  },
  telemetry: { may: ["root"], packages: ["prom-client", "node:v8"] },
  log: { may: ["root"] },
  "src/log/kafka": {
    may: [
      "root",
      "schemas",
      "telemetry",
      "src/log/port.ts",
      "src/log/topics.ts",
      "src/log/partitioner.ts",
      "src/log/append_waiters.ts",
      "src/log/assignment.ts",
      "src/log/refusals.ts",
    ],
    packages: ["kafkajs", "lz4-napi", "@std/async", "node:*"],
  },
  snapshots: { may: ["root"] },
  "src/snapshots/redis.ts": {
    may: ["root", "src/snapshots/port.ts", "src/snapshots/refusals.ts", "src/snapshots/redis_connection.ts"],
    packages: ["node:buffer"],
  },
  "src/snapshots/redis_connection.ts": {
    may: ["root", "src/snapshots/refusals.ts"],
    packages: ["redis", "@std/async", "node:buffer"],
  },
  runtime: {
    may: [
      "root",
      "telemetry",
      "src/log/port.ts",
      "src/log/read_next.ts",
      // A replaced log is refused in the same words at a start and by a reader.
      "src/log/refusals.ts",
      "src/log/topics.ts",
      "src/snapshots/port.ts",
      "schemas/snapshot.ts",
    ],
    packages: ["node:zlib"],
  },
  sinks: {
    may: [
      "schemas",
      "codec",
      "telemetry",
      "root",
      "src/log/port.ts",
      "src/log/topics.ts",
      "src/log/read_next.ts",
      // What the journal says is folded for people as it is for receivers.
      "src/alerts/journal.ts",
      "src/alerts/newest.ts",
    ],
    types: { "src/http/handles.ts": "the board is handed to the doors in their own shape" },
    packages: ["@clickhouse/client", "chdb/connection", "node:fs", "node:fs/promises", "zod"],
  },
  clickhouse_door: {
    // Where it may write, it looks after the same ClickHouse as the sink does.
    may: ["root", "src/sinks/lost_writes.ts"],
    packages: ["chdb", "node:crypto", "node:zlib"],
  },
  http: {
    // Of the actors: in which cell a place is that was rounded, and what the marks of a ride mean. Of the alerts: which
    // rules judge a city.
    may: [
      "schemas",
      "telemetry",
      "codec",
      "root",
      "actors/cell.ts",
      "actors/ride_table.ts",
      "src/alerts/rule.ts",
    ],
    types: { "src/windows/ledger.ts": "the ledger is shown as it is kept" },
    // Of zod: the description of the interface is made from the schemas.
    packages: [
      "hono",
      "hono/cors",
      "zod",
      "hono/html",
      "node:crypto",
      "node:fs",
      "node:http",
      "node:stream",
      "node:zlib",
    ],
  },
  traffic: {
    may: ["schemas", "codec", "root"],
    types: { "src/log/port.ts": "the port, not an adapter" },
    packages: [
      "node:buffer",
      "node:fs",
      "node:fs/promises",
      "node:path",
      "node:stream",
      "node:stream/promises",
      "node:zlib",
    ],
  },
};

/** Composition: may import everything. Nobody else may import them. */
const composition = ["src/node", "src/commands", "scripts", "tests", "bench"];

const ownRows = Object.keys(importTable).filter((name) => name.includes("/"));

/** The area of a path: a row's name (the narrowest), or null for composition. */
export function areaOf(path: string): string | null {
  const own = ownRows.find((name) => path === name || path.startsWith(`${name}/`));
  if (own !== undefined) return own;
  if (path === "src/main.ts" || composition.some((folder) => path.startsWith(`${folder}/`))) return null;
  const [top, second, ...rest] = path.split("/");
  if (top !== "src") return top!;
  return rest.length === 0 ? "root" : second!;
}

/** Every import that the table does not allow, in words. */
export function importBreaches(files: readonly Syntax[]): string[] {
  return files.flatMap(({ path, imports }) => {
    const area = areaOf(path);
    if (area === null) return [];
    const row = importTable[area];
    if (row === undefined) return [`${path}: src/${area} has no row in the table of imports`];
    return imports.flatMap((imported) => {
      const wrong = imported.ours
        ? refusedFile(area, row, imported.from, imported.typeOnly)
        : refusedPackage(row, imported.from);
      return wrong === null ? [] : [`${path} imports ${imported.from}: ${wrong}`];
    });
  });
}

function refusedFile(area: string, row: Row, from: string, typeOnly: boolean): string | null {
  const target = areaOf(from);
  if (target === area || row.may.includes(from) || (target !== null && row.may.includes(target))) return null;
  if (row.may.includes("root") && /^src\/[^/]+$/.test(from) && target !== null) return null;
  if (row.types?.[from] !== undefined) return typeOnly ? null : `${area} may import its types only`;
  return `${area} may import ${
    [...row.may, ...Object.keys(row.types ?? {})].join(", ") || "nothing of ours"
  }`;
}

function refusedPackage(row: Row, name: string): string | null {
  if (row.packages?.includes(name)) return null;
  if (name.startsWith("node:") && row.packages?.includes("node:*")) return null;
  return `allowed packages: ${row.packages?.join(", ") ?? "none"}`;
}
