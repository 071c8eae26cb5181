/** docs/OPERATIONS.md has one section for each code a person can meet: what happened, why, and what to do. */

/** What a code is: `exit code 3`, `HTTP 503`, `dead letter`, `alert`. */
export type Codes = ReadonlyMap<string, readonly string[]>;

const labels = ["What happened", "Why", "What to do"];

export function sectionBreaches(page: string, codes: Codes): string[] {
  const sections = new Map(
    page.split(/^### /m).slice(1).flatMap((part) => {
      const code = /^`(\w+)`\n/.exec(part)?.[1];
      return code === undefined ? [] : [[code, part.split(/^## /m)[0]!] as const];
    }),
  );
  return [
    ...[...codes].flatMap(([code, roles]) => {
      const section = sections.get(code);
      if (section === undefined) return [`there is no section for ${code}`];
      return [
        ...roles.filter((role) => !section.toLowerCase().includes(role.toLowerCase())).map((role) =>
          `the section of ${code} does not say "${role}"`
        ),
        ...labels.filter((label) => !section.includes(`**${label}.**`)).map((label) =>
          `the section of ${code} has no "**${label}.**"`
        ),
      ];
    }),
    ...[...sections.keys()].filter((code) => !codes.has(code)).map((code) =>
      `${code} has a section but is no code`
    ),
  ];
}
