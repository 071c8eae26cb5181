/** The shape of a file: its name, its length, what its classes extend, and that nothing is left open in it. */
import type { Syntax } from "./syntax.ts";
import type { TextFile } from "./tree.ts";

const attics = ["index", "mod", "utils", "util", "helpers", "helper", "common", "types", "misc", "shared"];
export const linesMax = 400;

/** One noun per file, in snake_case; a name that could hold anything holds everything after a while. */
export function badNames(paths: Iterable<string>): string[] {
  return [...paths].filter((path) => /\.(ts|mjs)$/.test(path)).flatMap((path) => {
    const name = path.slice(path.lastIndexOf("/") + 1).replace(/\.(ts|mjs)$/, "");
    if (attics.includes(name)) return [`${path}: name the concept, or put it beside its one caller`];
    // Scripts are called by name on a command line, where words are joined by hyphens.
    const words = path.startsWith("scripts/") ? /^[a-z0-9]+(-[a-z0-9]+)*$/ : /^[a-z0-9]+(_[a-z0-9]+)*$/;
    return words.test(name)
      ? []
      : [`${path}: file names are in ${path.startsWith("scripts/") ? "kebab-case" : "snake_case"}`];
  });
}

export function tooLong(files: readonly TextFile[]): string[] {
  return files.flatMap(({ path, text }) => {
    const lines = text.split("\n").length - 1;
    return lines <= linesMax
      ? []
      : [`${path} has ${lines} lines, more than ${linesMax}: which is its second noun?`];
  });
}

export function extendsOther(files: readonly Syntax[]): string[] {
  return files.flatMap(({ path, superclasses }) =>
    superclasses.filter((name) => !/^([A-Z]\w*)?Error$/.test(name)).map((name) =>
      `${path}: a class extends ${name}; only errors extend, everything else is put together`
    )
  );
}

// Written so that this file does not find itself.
const openMark = new RegExp(`\\b(${["TO" + "DO", "FIX" + "ME", "XX" + "X"].join("|")})\\b`);

export function openMarks(files: readonly TextFile[]): string[] {
  return files.flatMap(({ path, text }) =>
    text.split("\n").flatMap((line, i) => {
      const mark = openMark.exec(line)?.[1];
      return mark === undefined
        ? []
        : [`${path}:${i + 1} is left open (${mark}): do it, or write down why not`];
    })
  );
}
