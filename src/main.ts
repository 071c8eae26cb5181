/**
 * `waymark COMMAND`: the table of commands, and what becomes of an error.
 *
 * Exit codes: 0 clean, 1 crash, 2 bad configuration or usage, 3 refused to start because going on would lose or
 * double data.
 */
import { settingsHelp } from "./config.ts";
import { messageOf, WaymarkError } from "./errors.ts";
import { alertsCommand } from "./commands/alerts.ts";
import { type Command, helpOf, parse } from "./commands/command.ts";
import { keysCommand } from "./commands/keys.ts";
import { migrateCommand } from "./commands/migrate.ts";
import { notifyCommand } from "./commands/notify.ts";
import { replayCommand } from "./commands/replay.ts";
import { servicesCommand } from "./commands/services.ts";
import { demoCommand, startCommand } from "./commands/start.ts";
import { topicsCommand } from "./commands/topics.ts";
import { trafficCommand } from "./commands/traffic.ts";

const commands: Command[] = [
  startCommand,
  demoCommand,
  replayCommand,
  alertsCommand,
  trafficCommand,
  topicsCommand,
  migrateCommand,
  notifyCommand,
  keysCommand,
  servicesCommand,
];

export async function main(args: string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || name === "--help" || name === "help") {
    console.log(overview());
    return name === undefined ? 2 : 0;
  }
  try {
    const command = commands.find((c) => c.name === name);
    if (command === undefined) {
      throw new WaymarkError("usage", `there is no command "${name}"; see: waymark --help`);
    }
    const given = parse(command, rest);
    if (given.flag("help")) {
      console.log(helpOf(command));
      return 0;
    }
    return await command.run(given);
  } catch (error) {
    if (!(error instanceof WaymarkError)) {
      console.error(error);
      return 1;
    }
    console.error(`waymark: ${messageOf(error)} [${error.code}]`);
    return error.exitCode;
  }
}

function overview(): string {
  const lines = commands.map((c) => `  ${`${c.name} ${c.operands}`.padEnd(16)} ${c.summary}`);
  return `Waymark: exact city windows from ride events.\n\nCommands (each knows --help):\n${
    lines.join("\n")
  }\n\nSettings (environment):\n${settingsHelp()}`;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
