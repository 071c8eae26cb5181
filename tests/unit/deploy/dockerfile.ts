/** A Dockerfile as data, and the rules of the house for one, each breach in words. */

export type Instruction = { name: string; value: string; line: number };
export type Dockerfile = {
  instructions: readonly Instruction[];
  /** Those of the image itself, which is the last stage. */
  image: readonly Instruction[];
  /** Defaults of ARG. */
  args: ReadonlyMap<string, string>;
};

export function parseDockerfile(text: string): Dockerfile {
  const instructions: Instruction[] = [];
  let open: Instruction | null = null;
  text.split("\n").forEach((raw, i) => {
    if (/^\s*(#|$)/.test(raw)) return;
    const continues = /\\\s*$/.test(raw);
    const part = raw.replace(/\\\s*$/, "").trim();
    if (open === null) {
      const [, name = "", value = ""] = /^(\w+)\s+(.*)$/.exec(part) ?? [];
      open = { name: name.toUpperCase(), value, line: i + 1 };
      instructions.push(open);
    } else open.value += ` ${part}`;
    if (!continues) open = null;
  });
  const lastFrom = instructions.findLastIndex(({ name }) => name === "FROM");
  const args = instructions.filter(({ name }) => name === "ARG").map(({ value }) => value.split("="));
  return {
    instructions,
    image: instructions.slice(lastFrom),
    args: new Map(args.map(([name, fallback = ""]) => [name!, fallback])),
  };
}

export const valuesOf = (instructions: readonly Instruction[], name: string): string[] =>
  instructions.filter((instruction) => instruction.name === name).map(({ value }) => value);

/** A value with the defaults of ARG put in. */
export const resolved = (value: string, { args }: Dockerfile): string =>
  value.replace(/\$\{(\w+)\}/g, (_, name: string) => args.get(name) ?? "");

/** What ENV and so every command of the image is given. */
export function environmentOf(file: Dockerfile): Record<string, string> {
  const pairs = valuesOf(file.image, "ENV").flatMap((value) => [...value.matchAll(/(\w+)=(\S+)/g)]);
  return Object.fromEntries(pairs.map(([, name, value]) => [name!, value!]));
}

/** The arguments of an exec form; null for a shell form. */
export function execForm(value: string): string[] | null {
  try {
    const words = JSON.parse(value);
    return Array.isArray(words) && words.every((word) => typeof word === "string") ? words : null;
  } catch {
    return null;
  }
}

/** The arguments of the HEALTHCHECK; null where there is none in exec form. */
export function healthCommand(file: Dockerfile): string[] | null {
  const [value = ""] = valuesOf(file.image, "HEALTHCHECK");
  return execForm(/(?:^|\s)CMD\s+(\[.*)$/.exec(value)?.[1] ?? "");
}

/** Files copied from the checkout, each with the stage's own instruction. */
export const copiedPaths = (instructions: readonly Instruction[]): string[] =>
  valuesOf(instructions, "COPY").filter((value) => !value.startsWith("--from=")).flatMap((value) =>
    value.split(/\s+/).slice(0, -1)
  );

/** A tag that says which: not none, and not one that means another image tomorrow. */
export const isPinned = (image: string): boolean =>
  /^[a-z0-9./-]+:[A-Za-z0-9][\w.-]*(@sha256:[0-9a-f]{64})?$/.test(image) &&
  !/:(latest|stable|edge|main)$/.test(image);

export function dockerfileBreaches(text: string): string[] {
  const file = parseDockerfile(text);
  const breaches: string[] = [];
  const stages = new Set(valuesOf(file.instructions, "FROM").map((value) => / AS (\S+)$/i.exec(value)?.[1]));
  for (const { name, value, line } of file.instructions) {
    const wrong = instructionBreach(name, resolved(value, file), stages);
    if (wrong !== null) breaches.push(`line ${line}: ${wrong}`);
  }
  const user = valuesOf(file.image, "USER").at(-1);
  if (user === undefined || !/^[1-9]\d*:[1-9]\d*$/.test(user)) {
    breaches.push(`USER is ${user ?? "not set"}; wanted: numbers, not root, so that runAsNonRoot can see it`);
  }
  for (const name of ["CMD", "HEALTHCHECK", "STOPSIGNAL"]) {
    const count = valuesOf(file.image, name).length;
    if (count !== 1) breaches.push(`${name} stands ${count} times in the image; wanted: once`);
  }
  return breaches;
}

function instructionBreach(name: string, value: string, stages: ReadonlySet<string | undefined>) {
  if (name === "ADD") return "ADD fetches and unpacks; wanted: COPY";
  if (name === "FROM") {
    const image = value.split(/\s+/)[0]!;
    return stages.has(image) || isPinned(image) ? null : `${image} is not pinned by a tag`;
  }
  if (name === "CMD" || name === "ENTRYPOINT") {
    return execForm(value) === null ? `${name} in shell form keeps signals from the process` : null;
  }
  if (name === "RUN" && /apt-get install/.test(value) && !/rm -rf \/var\/lib\/apt\/lists/.test(value)) {
    return "the lists of apt stay in the image";
  }
  if (name === "RUN" && /\bsudo\b|curl[^|]*\|\s*(ba)?sh/.test(value)) return "runs what it has just fetched";
  if ((name === "ENV" || name === "ARG") && /(PASSWORD|SECRET|TOKEN|_KEYS?)=\S/.test(value)) {
    return "a secret would stand in the image";
  }
  return null;
}

/** Whether .dockerignore lets a top-level path through: everything is out but what is named with "!". */
export const letsThrough = (dockerignore: string, path: string): boolean =>
  dockerignore.split("\n").includes(`!${path}`);
