/**
 * The seeds that have caught planted bugs: with the bug the checker complains, without it nobody does.
 *
 * `simulate --planted --pin` writes pinned.json again; a change of the product or of the plan gives a seed another run.
 */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export type Pinned = { seed: number; checker: string };

const here = dirname(fileURLToPath(import.meta.url));
export const root = join(here, "..", "..", "..");
export const pinnedFile = join(here, "pinned.json");

export const pinned: ReadonlyMap<string, Pinned> = new Map(
  Object.entries(JSON.parse(readFileSync(pinnedFile, "utf8")) as Record<string, Pinned>),
);
