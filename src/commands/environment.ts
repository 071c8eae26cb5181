/** The environment as settings: the one place that reads it. */
import { type Config, readConfig, type SettingName } from "../config.ts";

/** The bearer key that `--to http` sends; null when none is set. */
export const postKey = (): string | null => configFromEnvironment().WAYMARK_POST_KEY[0] ?? null;

/** Whether the setting is given at all. */
export const isGiven = (name: SettingName): boolean => (Deno.env.get(name) ?? "") !== "";

/** Settings from the environment; `given` stands above it. Throws config_invalid. */
export function configFromEnvironment(given: Record<string, string> = {}): Config {
  return readConfig({ ...Deno.env.toObject(), ...given });
}
