/** docs/FAULTS.md names, for every row of what is to be survived, tests that are there. */

const rows = [...Array.from({ length: 30 }, (_, i) => String(i + 1)), "19b", "19c"];

/** `read` gives the text of a file, or null when it is not there. */
export function faultBreaches(page: string, read: (path: string) => string | null): string[] {
  const breaches: string[] = [];
  const seen = new Set<string>();
  for (const line of page.split("\n")) {
    const [, row, tests] = /^\| +(\d+[bc]?) +\| [^|]+ \| ([^|]+) \|/.exec(line) ?? [];
    if (row === undefined || tests === undefined) continue;
    seen.add(row);
    for (const named of tests.split("<br>")) {
      const [, path, name] = /^\s*`([^`]+)` (.+?)\s*$/.exec(named) ?? [];
      const text = path === undefined ? null : read(path);
      if (text === null) breaches.push(`row ${row}: ${named.trim()} names no file`);
      else if (!text.includes(name!)) breaches.push(`row ${row}: ${path} has no test "${name}"`);
    }
  }
  return [...breaches, ...rows.filter((row) => !seen.has(row)).map((row) => `row ${row} is left out`)];
}
