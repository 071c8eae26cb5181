/** `--help` of programs that are no commands of the service: what stands at the top of their file. */
import { readFileSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** The first comment of a file, as plain text. */
export function headerOf(text: string): string {
  const [, comment] = /^\/\*\*([\s\S]*?)\*\//.exec(text) ?? [];
  if (comment === undefined) throw new TypeError("the file does not begin with a comment");
  return comment.replaceAll(/^ *\*? ?/gm, "").trim();
}

/** Prints the header of the program and ends the process, when `--help` is among its arguments. */
export function headerHelp(url: string): void {
  if (!process.argv.slice(2).includes("--help")) return;
  console.log(headerOf(readFileSync(fileURLToPath(url), "utf8")));
  process.exit(0);
}
