// `npm run NAME` for the tasks of deno.json, with the exit code of the task itself.
//
// Ctrl-C reaches every process of the terminal at once: the runners in between must wait while Waymark drains, or
// the prompt comes back too early and with the exit code of an interrupted runner. SIGTERM is passed on.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const [name, ...given] = process.argv.slice(2);
const { tasks } = JSON.parse(readFileSync(join(root, "deno.json"), "utf8"));
const [program, ...args] = (tasks[name] ?? "").split(" ");
if (program !== "node_modules/.bin/deno") {
  console.error(`there is no task "${name}" of one command in deno.json`);
  process.exit(2);
}

const child = spawn(join(root, program), [...args, ...given], { cwd: root, stdio: "inherit" });
process.on("SIGINT", () => {});
process.on("SIGTERM", () => child.kill("SIGTERM"));
child.on("error", (error) => {
  console.error(`cannot run ${program}: ${error.message}`);
  process.exit(1);
});
child.on("exit", (code, signal) => process.exit(code ?? (signal === "SIGINT" ? 130 : 1)));
