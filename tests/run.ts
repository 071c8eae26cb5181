/**
 * All tests that need nothing installed, in two processes side by side, and one closing line: `N passed, N failed`.
 *
 * Two processes, because ClickHouse in process allows one data directory a process, which rules out running test
 * files in parallel inside one. Types are checked by `deno check`, not again here.
 */

const groups: Record<string, string[]> = {
  "units and contracts": ["tests/unit", "tests/tidy_test.ts", "tests/conformance"],
  "pipeline and faults": [
    ...["tests/pipeline", "tests/golden", "tests/simulation", "tests/recount"],
    ...["tests/faults", "tests/fuzz", "tests/kept"],
  ],
};

type Result = { name: string; passed: number; failed: number; output: string };

async function run(name: string, paths: string[]): Promise<Result> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "test",
      "--quiet",
      "--no-check",
      "--allow-all",
      "--sanitize-ops",
      "--sanitize-resources",
      ...paths,
    ],
    env: { NO_COLOR: "1" },
    stdout: "piped",
    stderr: "piped",
  }).output();
  const decoder = new TextDecoder();
  const output = decoder.decode(stdout) + decoder.decode(stderr);
  const [, passed = "0", steps = "0"] = /(\d+) passed(?: \((\d+) steps?\))?/.exec(output) ?? [];
  const [, failed = "0"] = /\| (\d+) failed/.exec(output) ?? [];
  const broken = code !== 0 && failed === "0" ? 1 : 0;
  return { name, passed: Number(passed) + Number(steps), failed: Number(failed) + broken, output };
}

function told({ name, passed, failed, output }: Result): void {
  const lines = output.split("\n");
  const errors = lines.findIndex((line) => line.includes("ERRORS"));
  const notes = lines.filter((line) => line.startsWith("note: "));
  for (const note of new Set(notes)) console.log(note);
  if (failed > 0) console.log(lines.slice(Math.max(0, errors)).join("\n"));
  console.log(`${name}: ${passed} passed, ${failed} failed`);
}

const results = await Promise.all(
  Object.entries(groups).map(async ([name, paths]) => {
    const result = await run(name, paths);
    told(result);
    return result;
  }),
);
const sum = (of: (result: Result) => number) => results.reduce((total, result) => total + of(result), 0);
const failed = sum((result) => result.failed);
console.log(`${sum((result) => result.passed)} passed, ${failed} failed`);
if (failed > 0) Deno.exit(1);
