/** The environment as settings: the one place that reads it. */
import { type Config, readConfig } from "../config.ts";

/** Settings from the environment; `given` stands above it. Throws config_invalid. */
export function configFromEnvironment(given: Record<string, string> = {}): Config {
  return readConfig({ ...Deno.env.toObject(), ...given });
}
