/** The checkout as the tidy rules see it: every file of ours with its text, nothing that was installed or made. */
import { readdirSync, readFileSync, statSync } from "node:fs";

export type TextFile = { path: string; text: string };

export const home = new URL("../../", import.meta.url);

/** Folders that are not ours: installed, made by a run, or version control's. */
const foreign = new Set(["node_modules", "data", ".git"]);
/** Files that the README's commands write into the checkout: .gitignore names them too. */
const made = /\.(jsonl|jsonl\.gz|ndjson|log)$/;

/** Every path of the checkout relative to its root: the files, and the folders that hold one. */
export function allPaths(): Set<string> {
  const paths = new Set<string>();
  for (const entry of readdirSync(home, { withFileTypes: true })) {
    if (!foreign.has(entry.name) && !made.test(entry.name)) collect(entry.name, entry.isDirectory(), paths);
  }
  return paths;
}

function collect(path: string, isFolder: boolean, into: Set<string>): boolean {
  if (!isFolder) {
    into.add(path);
    return true;
  }
  let holdsFile = false;
  for (const entry of readdirSync(new URL(`${path}/`, home), { withFileTypes: true })) {
    if (collect(`${path}/${entry.name}`, entry.isDirectory(), into)) holdsFile = true;
  }
  if (holdsFile) into.add(path);
  return holdsFile;
}

export const readText = (path: string): string => readFileSync(new URL(path, home), "utf8");

/** The files whose path matches, in order of their paths. */
export function filesMatching(pattern: RegExp): TextFile[] {
  return [...allPaths()].filter((path) => pattern.test(path) && !isFolder(path)).sort()
    .map((path) => ({ path, text: readText(path) }));
}

const isFolder = (path: string) => statSync(new URL(path, home)).isDirectory();

/** TypeScript of the product: what the rules about code hold for. */
export const productCode = /^(src|actors|schemas)\/(?!http\/assets\/).*\.ts$/;
/** TypeScript of ours, tests and scripts included. */
export const anyCode = /^(src|actors|schemas|tests|bench|scripts)\/(?!.*\/assets\/).*\.ts$/;
export const anyDocument = /\.md$/;
