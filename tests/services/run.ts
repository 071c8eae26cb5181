/**
 * The suites over real services: starts Kafka and Redis on loopback, runs them, ends what it started. A suite that
 * cannot run counts as failed. Closing line: `N passed, N failed`.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startServices, stopServices } from "../../src/commands/services.ts";

const home = await mkdtemp(join(tmpdir(), "waymark-services-"));
const folder = join(home, "services");
const { variables } = await startServices({ folder });
let output: string;
try {
  const test = await new Deno.Command(Deno.execPath(), {
    args: [
      "test",
      "--quiet",
      "--no-check",
      "--allow-all",
      "--sanitize-ops",
      "--sanitize-resources",
      "tests/services",
    ],
    env: { ...variables, NO_COLOR: "1" },
    stdout: "piped",
    stderr: "piped",
  }).output();
  output = new TextDecoder().decode(test.stdout) + new TextDecoder().decode(test.stderr);
} finally {
  await stopServices(folder);
  await rm(home, { recursive: true, force: true });
}
const [, passed = "0", steps = "0"] = /(\d+) passed(?: \((\d+) steps?\))?/.exec(output) ?? [];
const [, failed = passed === "0" ? "1" : "0"] = /\| (\d+) failed/.exec(output) ?? [];
if (failed !== "0") console.log(output);
console.log(`${Number(passed) + Number(steps)} passed, ${failed} failed`);
Deno.exit(failed === "0" ? 0 : 1);
