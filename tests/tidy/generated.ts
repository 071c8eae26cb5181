/**
 * The parts of the documents that are made from the code, between markers:
 *
 *     <!-- generated: settings -->
 *     …
 *     <!-- end of settings -->
 *
 * A test compares them with what the code says now; `node_modules/.bin/deno run -A tests/tidy/write_docs.ts` writes
 * them again.
 */
import { rideTableMarkdown } from "../../actors/ride_table.ts";
import { pipelineRules } from "../../src/alerts/pipeline_rules.ts";
import { builtInRules } from "../../src/alerts/built_in.ts";
import { rejectionCodes } from "../../src/codec/rejection.ts";
import { settings } from "../../src/config.ts";
import { errorCodes } from "../../src/errors.ts";
import { httpErrorCodes } from "../../src/http/errors.ts";
import { refusedReason } from "../../src/node/refused_row.ts";
import { registry } from "../../src/telemetry/metrics.ts";
import { bugs } from "../simulation/planted/bugs.ts";
import { pinned } from "../simulation/planted/pinned.ts";
import type { Codes } from "./code_sections.ts";

export type Part = { document: string; name: string; text: string };

export async function generatedParts(): Promise<Part[]> {
  return [
    { document: "docs/ARCHITECTURE.md", name: "ride transitions", text: rideTableMarkdown() },
    { document: "docs/FAULTS.md", name: "planted bugs", text: plantedTable() },
    { document: "docs/METRICS.md", name: "metrics", text: await metricsTable() },
    { document: "docs/OPERATIONS.md", name: "settings", text: settingsTable() },
    { document: "docs/OPERATIONS.md", name: "codes", text: codesTable() },
  ];
}

// The formatter would align the columns of a table, and a row more would then rewrite them all.
const begin = (name: string) => `<!-- generated: ${name} -->\n<!-- deno-fmt-ignore-start -->\n`;
const end = (name: string) => `\n<!-- deno-fmt-ignore-end -->\n<!-- end of ${name} -->`;

/** The part as it stands in the document; null when its markers are missing. */
export function partIn(document: string, name: string): string | null {
  const from = document.indexOf(begin(name));
  const until = document.indexOf(end(name));
  return from < 0 || until < from ? null : document.slice(from + begin(name).length, until).trim();
}

export function withPart(document: string, { name, text }: Part): string {
  const from = document.indexOf(begin(name));
  const until = document.indexOf(end(name));
  if (from < 0 || until < from) throw new Error(`the markers of "${name}" are missing`);
  return document.slice(0, from + begin(name).length) + `\n${text}\n` + document.slice(until);
}

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => "---"), ...rows].map((cells) =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`
  ).join("\n");

const code = (text: string) => `\`${text}\``;

function settingsTable(): string {
  const rows = Object.entries(settings).map(([name, setting]) => {
    const fallback: unknown = setting.fallback;
    const shown = Array.isArray(fallback) || fallback === null
      ? "none"
      : fallback === ""
      ? "empty"
      : code(String(fallback));
    const changes = "numbers" in setting ? " Changes published numbers: part of the fold version." : "";
    const secret = "secret" in setting ? " Never printed." : "";
    return [code(name), shown, setting.allowed, setting.help + changes + secret];
  });
  return table(["setting", "default", "allowed", "what follows from it"], rows);
}

async function metricsTable(): Promise<string> {
  const labels = new Map(
    registry.getMetricsAsArray().map((metric) => [
      metric.name,
      (metric as unknown as { labelNames?: string[] }).labelNames ?? [],
    ]),
  );
  const rows = (await registry.getMetricsAsJSON()).map(({ name, type, help }) => [
    code(name),
    String(type),
    (labels.get(name) ?? []).map(code).join(", ") || "none",
    help,
  ]);
  return table(["name", "type", "labels", "help"], rows);
}

function plantedTable(): string {
  const rows = bugs.map(({ name, by, changes }) => {
    const files = [...new Set(changes.map(({ file }) => code(file)))].join(", ");
    const pin = pinned.get(name);
    const caught = by !== "simulation"
      ? code(by)
      : pin === undefined
      ? ""
      : `seed ${pin.seed}, ${pin.checker}`;
    return [name, files, caught];
  });
  return table(["bug", "planted in", "caught by"], rows);
}

/** Every code a person can meet, with what it is. */
export function codeRoles(): Codes {
  const roles = new Map<string, string[]>();
  const add = (name: string, role: string) => roles.set(name, [...(roles.get(name) ?? []), role]);
  for (const [name, { exit }] of Object.entries(errorCodes)) add(name, `exit code ${exit}`);
  for (const name of Object.keys(rejectionCodes)) add(name, "dead letter");
  add(refusedReason, "dead letter");
  for (const [name, { status }] of Object.entries(httpErrorCodes)) add(name, `HTTP ${status}`);
  for (const { name } of [...builtInRules, ...Object.values(pipelineRules)]) add(name, "alert");
  return roles;
}

function codesTable(): string {
  const rows = [...codeRoles()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, roles]) => [
    `[${code(name)}](#${name})`,
    roles.join(", "),
  ]);
  return table(["code", "where it is met"], rows);
}
