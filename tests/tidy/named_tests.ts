/**
 * docs/GUARANTEES.md and docs/THREATS.md name, for whatever they promise or hold off, tests that are there.
 *
 *   ## 3. A promise … **Promise.** … **Fails without it.** - `tests/…_test.ts` what the test says
 *   | boundary | threat | control | `tests/…_test.ts` what the test says<br>… | what is left |
 */

type Read = (path: string) => string | null;

/** Who and what may mean ill: a page about threats that leaves one out has not been thought through. */
export const boundaries = [
  "posting",
  "reading",
  "browsers",
  "nodes",
  "Kafka",
  "Redis and snapshots",
  "ClickHouse",
  "receivers",
  "settings and files",
  "people's data",
  "machine and packages",
] as const;

export function guaranteeBreaches(page: string, read: Read): string[] {
  const breaches: string[] = [];
  const sections = page.split(/^## /m).filter((section) => /^\d+\. /.test(section));
  if (sections.length === 0) breaches.push("there is no promise");
  for (const section of sections) {
    const [title = ""] = section.split("\n");
    if (!section.includes("**Promise.**")) breaches.push(`"${title}" has no "**Promise.**"`);
    const [, list = ""] = section.split("**Fails without it.**");
    const named = list.split(/^- /m).slice(1).map((item) =>
      item.split(/\n\n/)[0]!.replaceAll(/\s+/g, " ").trim()
    );
    if (named.length === 0) breaches.push(`"${title}" names no test`);
    for (const test of named) breaches.push(...missing(`"${title}"`, test, read));
  }
  return breaches;
}

export function threatBreaches(page: string, read: Read): string[] {
  const breaches: string[] = [];
  const seen = new Set<string>();
  for (const line of page.split("\n")) {
    const cells = /^\| (.*) \|$/.exec(line)?.[1]?.split(" | ").map((cell) => cell.trim()) ?? [];
    const [boundary = "", threat = "", control = "", tests = ""] = cells;
    if (cells.length !== 5 || boundary === "boundary" || /^-+$/.test(boundary)) continue;
    seen.add(boundary);
    if (!(boundaries as readonly string[]).includes(boundary)) breaches.push(`${boundary} is no boundary`);
    if (control === "") breaches.push(`${boundary}, ${threat}: no control`);
    for (const test of tests.split("<br>")) {
      breaches.push(...missing(`${boundary}, ${threat}`, test.trim(), read));
    }
  }
  return [...breaches, ...boundaries.filter((b) => !seen.has(b)).map((b) => `boundary ${b} is left out`)];
}

function missing(where: string, named: string, read: Read): string[] {
  const [, path, name] = /^`([^`]+)` (.+)$/.exec(named) ?? [];
  const text = path === undefined ? null : read(path);
  if (text === null) return [`${where}: ${named || "nothing"} names no file`];
  return text.includes(name!) ? [] : [`${where}: ${path} has no test "${name}"`];
}
