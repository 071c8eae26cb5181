/** The command line as a person starts it, against the services of these suites. */
import process from "node:process";
import { eventually } from "../conformance/eventually.ts";

export type Ended = { code: number; out: string; error: string };

const command = (args: string[], environment: Record<string, string>) =>
  new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-check", "--allow-all", "src/main.ts", ...args],
    env: { ...environment, NO_COLOR: "1" },
    stdout: "piped",
    stderr: "piped",
  });

const ended = ({ code, stdout, stderr }: Deno.CommandOutput): Ended => ({
  code,
  out: new TextDecoder().decode(stdout),
  error: new TextDecoder().decode(stderr),
});

export async function waymark(args: string[], environment: Record<string, string>): Promise<Ended> {
  return ended(await command(args, environment).output());
}

/** Tells the process to end (SIGTERM) when the condition holds. */
export async function waymarkUntil(
  { args, environment, what }: { args: string[]; environment: Record<string, string>; what: string },
  condition: () => Promise<boolean>,
): Promise<Ended> {
  const child = command(args, environment).spawn();
  const output = child.output();
  try {
    await eventually(what, condition, 60_000);
  } finally {
    process.kill(child.pid, "SIGTERM");
  }
  return ended(await output);
}
