/** Test files in a process of their own, and what became of them. Types are checked by `deno check`, not again here. */

export type TestResult = {
  /** Tests and their steps. */
  passed: number;
  failed: number;
  skipped: number;
  /** Both streams, one after the other. */
  output: string;
};

const flags = ["--quiet", "--no-check", "--allow-all", "--sanitize-ops", "--sanitize-resources"];

/** A process that ends badly, or without a test, has failed whatever it counted. */
export async function runTests(files: string[], variables: Record<string, string> = {}): Promise<TestResult> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["test", ...flags, ...files],
    env: { ...variables, NO_COLOR: "1" },
    stdout: "piped",
    stderr: "piped",
  }).output();
  const decoder = new TextDecoder();
  const output = decoder.decode(stdout) + decoder.decode(stderr);
  const [, tests = "0", steps = "0"] = /(\d+) passed(?: \((\d+) steps?\))?/.exec(output) ?? [];
  const [, broken = "0"] = /\| (\d+) failed/.exec(output) ?? [];
  const [, skipped = "0"] = /\| (\d+) ignored/.exec(output) ?? [];
  const isWell = success && tests !== "0";
  return {
    passed: Number(tests) + Number(steps),
    failed: broken === "0" && !isWell ? 1 : Number(broken),
    skipped: Number(skipped),
    output,
  };
}
