/** The file of alert rules: read, checked, and refused with the field, its value and what is allowed. */
import { readFile } from "node:fs/promises";
import type { z } from "zod";
import { alertRuleSet, type AlertRuleSetWire } from "../../schemas/alert_rule.ts";
import { messageOf, WaymarkError } from "../errors.ts";

/** Bytes of a rules file. */
const fileBytesMax = 1024 * 1024;

/** The set in the file. Throws config_invalid. */
export async function readRules(path: string): Promise<AlertRuleSetWire> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    throw new WaymarkError(
      "config_invalid",
      `the alert rules in ${path} could not be read: ${messageOf(error)}`,
    );
  }
  if (bytes.length > fileBytesMax) {
    throw refused(path, `the file has ${bytes.length} bytes; allowed: at most ${fileBytesMax}`);
  }
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw refused(path, `the file is no JSON: ${messageOf(error)}`);
  }
  return checkRules(value, path);
}

/** Checks what a file, or a person, says. */
export function checkRules(value: unknown, from: string): AlertRuleSetWire {
  const checked = alertRuleSet.safeParse(value);
  if (checked.success) return checked.data;
  throw refused(from, checked.error.issues.slice(0, 5).map((issue) => said(issue, value)).join("; "));
}

const refused = (path: string, what: string) =>
  new WaymarkError("config_invalid", `the alert rules in ${path} are refused: ${what}`);

/** `rules[2].threshold is "x"; allowed: a number`. */
function said({ path, message }: z.core.$ZodIssue, whole: unknown): string {
  let at: unknown = whole;
  for (const key of path) at = (at as Record<PropertyKey, unknown> | undefined)?.[key];
  const name = path.map((key) => typeof key === "number" ? `[${key}]` : `.${String(key)}`).join("").replace(
    /^\./,
    "",
  );
  const shown = at === undefined ? "missing" : JSON.stringify(at).slice(0, 80);
  return name === "" ? message : `${name} is ${shown}; ${message}`;
}
