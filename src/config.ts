/**
 * Settings: read once from the environment, checked, then passed on as plain values.
 *
 * Every setting stands in one table with its unit, its default and what follows from moving it; `--help`,
 * docs/OPERATIONS.md and the check at start are all made from these tables. A wrong value stops the process
 * with the setting's name, the value and what is allowed (exit code 2).
 */
import { WaymarkError } from "./errors.ts";
import { refuseUnfit } from "./config_relations.ts";
import type { Setting } from "./setting.ts";
import { alertSettings } from "./settings_alerts.ts";
import { doorSettings } from "./settings_doors.ts";
import { foldSettings } from "./settings_fold.ts";
import { notifierSettings } from "./settings_notifiers.ts";
import { processSettings } from "./settings_process.ts";
import { serviceSettings } from "./settings_services.ts";

export const settings = {
  ...serviceSettings,
  ...doorSettings,
  ...processSettings,
  ...foldSettings,
  ...alertSettings,
  ...notifierSettings,
};

export type SettingName = keyof typeof settings;
export type Config = { [K in SettingName]: (typeof settings)[K] extends Setting<infer T> ? T : never };

/** Checks the given environment. Throws config_invalid for the first wrong value, keys_required for an open door. */
export function readConfig(environment: Record<string, string | undefined>): Config {
  const config: Record<string, unknown> = {};
  for (const [name, entry] of Object.entries(settings) as [SettingName, Setting<unknown>][]) {
    const given = environment[name];
    if (given === undefined || given === "") {
      config[name] = entry.fallback;
      continue;
    }
    const value = entry.parse(given);
    if (value === undefined) {
      const shown = entry.secret ? "(not shown)" : JSON.stringify(given);
      throw new WaymarkError("config_invalid", `${name} is ${shown}; allowed: ${entry.allowed}`);
    }
    config[name] = value;
  }
  refuseUnknown(environment);
  const checked = config as Config;
  refuseUnfit(checked);
  return checked;
}

function refuseUnknown(environment: Record<string, string | undefined>): void {
  for (const name of Object.keys(environment)) {
    if (name.startsWith("WAYMARK_") && !(name in settings)) {
      throw new WaymarkError("config_invalid", `${name} is not a setting; see --help for those that are`);
    }
  }
}

/** The settings that change a published number, for the fold version. */
export function numberSettings(config: Config): [string, unknown][] {
  return (Object.entries(settings) as [SettingName, Setting<unknown>][])
    .filter(([, entry]) => entry.numbers === true)
    .map(([name]) => [name, config[name]]);
}

/** The table of settings as plain text, for `--help`. */
export function settingsHelp(): string {
  return (Object.entries(settings) as [string, Setting<unknown>][])
    .map(([name, s]) => {
      const shown = Array.isArray(s.fallback) || s.fallback === null
        ? "none"
        : s.fallback === ""
        ? "empty"
        : String(s.fallback);
      return `  ${name}\n      ${s.help}\n      Default ${shown}; allowed: ${s.allowed}.`;
    })
    .join("\n");
}
