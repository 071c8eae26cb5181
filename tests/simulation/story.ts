/** What happened, for a person: the plan, what came to pass in its order, and what the checkers say. */
import { planText } from "./plan.ts";
import type { SeedResult } from "./seed_run.ts";

const linesMax = 120;

export function storyText({ plan, story, complaints }: SeedResult): string {
  const told = story.map(({ atMs, text }) => `  ${clock(atMs)}  ${text}`);
  const shown = told.length <= linesMax
    ? told
    : [...told.slice(0, linesMax / 2), `  … ${told.length - linesMax} lines …`, ...told.slice(-linesMax / 2)];
  return [
    planText(plan),
    "what happened:",
    ...shown,
    "what the checkers say:",
    ...complaints.map(({ checker, text }) => `  ${checker}: ${text}`),
  ].join("\n");
}

function clock(ms: number): string {
  const two = (n: number) => String(Math.floor(n)).padStart(2, "0");
  return `${two(ms / 3_600_000)}:${two(ms / 60_000 % 60)}:${two(ms / 1_000 % 60)}.${
    String(Math.floor(ms % 1_000)).padStart(3, "0")
  }`;
}
