/** What documents name must exist: links, paths, symbols, settings, limits, metrics and npm scripts. */
import { dirname, join } from "node:path/posix";
import type { TextFile } from "./tree.ts";

/** What there is to name. */
export type Named = {
  paths: ReadonlySet<string>;
  /** Exported functions, and members that are called. */
  functions: ReadonlySet<string>;
  settings: ReadonlySet<string>;
  limits: ReadonlySet<string>;
  metrics: ReadonlySet<string>;
  scripts: ReadonlySet<string>;
};

/** Relative links whose file or heading does not exist. */
export function brokenLinks(documents: readonly TextFile[], paths: ReadonlySet<string>): string[] {
  const anchors = new Map(documents.map(({ path, text }) => [path, anchorsOf(text)]));
  return documents.flatMap(({ path, text }) =>
    [...withoutCode(text).matchAll(/\]\(([^)\s]+)\)/g)].map((m) => m[1]!).flatMap((target) => {
      if (/^[a-z]+:/i.test(target)) return [];
      const [file = "", anchor] = target.split("#");
      const found = file === "" ? path : join(dirname(path), file).replace(/\/$/, "");
      if (!paths.has(found)) return [`${path} links to ${target}, which does not exist`];
      if (anchor === undefined || anchors.get(found)?.has(anchor)) return [];
      return [`${path} links to ${target}, but ${found} has no such heading`];
    })
  );
}

/** The anchors of a document's headings, as GitHub makes them. */
export function anchorsOf(text: string): Set<string> {
  return new Set([...withoutFences(text).matchAll(/^#+ +(.+)$/gm)].map((m) => slug(m[1]!)));
}

const slug = (heading: string) =>
  heading.trim().toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, "").replace(/\s/g, "-");

const folders = "src|actors|schemas|tests|sql|docs|scripts|bench|deploy|\\.ci";
const pathLike = new RegExp(`^(${folders})/[\\w./-]*$`);

/** Quoted names (`like_this()`) that stand for nothing. */
export function deadNames(documents: readonly TextFile[], named: Named): string[] {
  return documents.flatMap(({ path, text }) =>
    quotesOf(text).flatMap((quote) => {
      const kind = kindOf(quote);
      return kind === null || has(named, kind, quote)
        ? []
        : [`${path} names the ${kind} ${quote}, which does not exist`];
    })
  );
}

type Kind = "path" | "function" | "setting" | "limit" | "metric" | "script";

function kindOf(quote: string): Kind | null {
  if (pathLike.test(quote)) return "path";
  if (/^[a-z]\w*\(\)$/i.test(quote)) return "function";
  if (/^WAYMARK_[A-Z_]+$/.test(quote)) return "setting";
  if (/^limits\.\w+$/.test(quote)) return "limit";
  if (/^(waymark|process)_\w+$/.test(quote)) return "metric";
  return /^npm (test|run \S+)/.test(quote) ? "script" : null;
}

function has(named: Named, kind: Kind, quote: string): boolean {
  switch (kind) {
    case "path":
      return named.paths.has(quote.replace(/\/$/, ""));
    case "function":
      return named.functions.has(quote.slice(0, -2));
    case "setting":
      return named.settings.has(quote);
    case "limit":
      return named.limits.has(quote.slice("limits.".length));
    case "metric":
      return named.metrics.has(quote.replace(/_(bucket|sum|count)$/, "")) || named.metrics.has(quote);
    case "script":
      return named.scripts.has(/^npm (?:run )?(\S+)/.exec(quote)![1]!);
  }
}

/** Inline code, and the lines of shell examples. */
function quotesOf(text: string): string[] {
  const inline = [...withoutFences(text).matchAll(/`([^`\n]+)`/g)].map((m) => m[1]!);
  const shells = [...text.matchAll(/^```(?:sh|bash|console)\n([\s\S]*?)^```/gm)].flatMap((m) =>
    m[1]!.split(/\n|&&/).map((line) => line.replace(/^\s*\$ /, "").trim())
  );
  return [...inline, ...shells];
}

const withoutFences = (text: string) => text.replace(/^ *```[\s\S]*?^ *```/gm, "");
const withoutCode = (text: string) => withoutFences(text).replace(/`[^`\n]*`/g, "");

/** What documents may call by name: exported functions and constants, and members declared with parameters. */
export function functionsOf(sources: readonly TextFile[]): Set<string> {
  const names = new Set<string>();
  for (const { text } of sources) {
    for (const m of text.matchAll(/^export (?:async )?(?:function\*?|const) (\w+)/gm)) names.add(m[1]!);
    for (const m of text.matchAll(/^ {2,}(?:async |readonly |\*)?(\w+)\??\(/gm)) names.add(m[1]!);
  }
  return names;
}

/** Folders and top-level files that the file map leaves out, and entries of it that are gone. */
export function mapBreaches(map: string, paths: ReadonlySet<string>): string[] {
  const mapped = new Set([...map.matchAll(/^\| `([^`]+)`/gm)].map((m) => m[1]!));
  const wanted = [...paths].filter((path) => {
    const parts = path.split("/");
    const isFolder = [...paths].some((other) => other.startsWith(`${path}/`));
    return isFolder ? parts.length <= 2 : parts.length === 1 || (parts.length === 2 && parts[0] === "src");
  }).map((path) => [...paths].some((other) => other.startsWith(`${path}/`)) ? `${path}/` : path);
  return [
    ...wanted.filter((path) => !mapped.has(path)).map((path) => `the file map leaves out ${path}`),
    ...[...mapped].filter((path) => !wanted.includes(path)).map((path) =>
      `the file map has ${path}, which is not there`
    ),
  ];
}

/**
 * Each decision has a number of its own, and says what was decided, why, and what was not. Numbers are given out when
 * the writing begins: one that is missing may stand on another branch.
 */
export function decisionBreaches(decisions: readonly TextFile[]): string[] {
  const parts = ["Context", "Decision", "Rejected", "Consequences"];
  const numberOf = (path: string) => path.slice(path.lastIndexOf("/") + 1).split("-")[0]!;
  return decisions.flatMap(({ path, text }, i) => {
    const number = numberOf(path);
    const taken = decisions.slice(0, i).some((other) => numberOf(other.path) === number);
    return [
      ...(/^\d{4}$/.test(number) && !taken
        ? []
        : [`${path}: a decision has a number of its own, such as 0042-`]),
      ...(text.startsWith(`# ${number} `)
        ? []
        : [`${path}: begins with "# ${number} " and what was decided`]),
      ...parts.filter((part) => !text.includes(`\n## ${part}\n`)).map((part) =>
        `${path}: has no part "## ${part}"`
      ),
    ];
  });
}
