/** A command of the terminal: its options as data, so that `--help` and parsing cannot drift apart. */
import { parseArgs } from "node:util";
import { messageOf, WaymarkError } from "../errors.ts";

export type Option = { type: "string" | "boolean"; value?: string; help: string };

export type Given = {
  positionals: string[];
  text(name: string): string | undefined;
  flag(name: string): boolean;
};

export type Command = {
  name: string;
  /** After the name: `FILE`. */
  operands: string;
  summary: string;
  options: Record<string, Option>;
  /** Further paragraphs of `--help`. */
  more?: () => string;
  /** The exit code. */
  run(given: Given): Promise<number>;
};

/** Throws `usage` for anything that is not an option or operand of the command. */
export function parse(command: Command, args: string[]): Given {
  try {
    const options = Object.fromEntries(
      Object.entries(command.options).map(([name, { type }]) => [name, { type }]),
    );
    const { values, positionals } = parseArgs({ args, options, allowPositionals: command.operands !== "" });
    return {
      positionals,
      text: (name) => values[name] as string | undefined,
      flag: (name) => values[name] === true,
    };
  } catch (error) {
    throw new WaymarkError(
      "usage",
      `${command.name}: ${messageOf(error)} See: waymark ${command.name} --help`,
    );
  }
}

export function helpOf(command: Command): string {
  const options = Object.entries(command.options).map(([name, option]) => {
    const left = `--${name}${option.value === undefined ? "" : ` ${option.value}`}`;
    return `  ${left.padEnd(28)} ${option.help}`;
  });
  const usage = ["waymark", command.name, command.operands, options.length > 0 ? "[options]" : ""].filter(
    Boolean,
  ).join(" ");
  return [
    `${command.summary}\n`,
    `Usage: ${usage}\n`,
    ...(options.length > 0 ? [`Options:\n${options.join("\n")}\n`] : []),
    ...(command.more ? [command.more()] : []),
  ].join("\n");
}

/** A whole number of an option, or the fallback. Throws `usage` naming option, value and what is allowed. */
export function wholeNumber(
  given: Given,
  name: string,
  { fallback, min, max }: { fallback: number; min: number; max: number },
): number {
  const text = given.text(name);
  if (text === undefined) return fallback;
  const value = /^\d{1,15}$/.test(text) ? Number(text) : NaN;
  if (value >= min && value <= max) return value;
  throw new WaymarkError("usage", `--${name} is "${text}"; allowed: a whole number from ${min} to ${max}`);
}

/** A share of an option (0 to 1), or the fallback. */
export function share(given: Given, name: string, fallback: number): number {
  const text = given.text(name);
  if (text === undefined) return fallback;
  const value = text.trim() === "" ? NaN : Number(text);
  if (value >= 0 && value <= 1) return value;
  throw new WaymarkError("usage", `--${name} is "${text}"; allowed: a share from 0 to 1`);
}
