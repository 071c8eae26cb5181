/**
 * What only one file may do, with the replacement everywhere else: time, randomness, scheduling, the network, the
 * environment and the console are ports.
 */
import type { Syntax } from "./syntax.ts";

type Ban = { uses: readonly string[]; allowedIn: readonly string[]; instead: string };

export const bans: readonly Ban[] = [
  {
    uses: ["Date.now", "performance.now"],
    allowedIn: ["src/time.ts"],
    instead: "take a Clock (src/time.ts) and ask nowMs() or monotonicMs()",
  },
  {
    uses: ["setTimeout", "setInterval", "setImmediate", "clearTimeout", "clearInterval"].flatMap((name) => [
      name,
      `globalThis.${name}`,
    ]),
    allowedIn: ["src/time.ts", "src/std/async.ts"],
    instead: "take a Clock (src/time.ts) and await sleep(), or await breathe()",
  },
  {
    uses: ["Math.random", "crypto.randomUUID", "crypto.getRandomValues"],
    // What tells one node's own ClickHouse from every other's can be derived from nothing.
    // And a pseudonym that could be derived would lead back to its rider.
    allowedIn: ["src/node/node_id.ts", "src/node/erasures.ts"],
    instead: "take a seeded source (src/traffic/random.ts), or derive the value from its input (src/ids.ts)",
  },
  {
    uses: ["fetch", "globalThis.fetch"],
    // One posts traffic; the other asks a process of the same groups what this one does not hold.
    // The client is not part of the process: its callers may hand in another one.
    allowedIn: ["src/commands/post_traffic.ts", "src/node/fleet_ask.ts", "src/client.ts"],
    instead:
      "put the call behind a port; HTTP clients are the command that posts traffic and the fleet's questions",
  },
  {
    uses: ["Deno.env", "process.env"],
    allowedIn: ["src/commands/environment.ts"],
    instead: "take a Config; src/commands/environment.ts reads the environment once",
  },
  {
    uses: ["console.log", "console.info", "console.warn", "console.error", "console.debug", "console.trace"],
    allowedIn: ["src/main.ts", "src/commands/", "src/telemetry/signals.ts"],
    instead: "emit a named signal (src/telemetry/signals.ts), return, or throw",
  },
];

const allowed = (ban: Ban, path: string) =>
  ban.allowedIn.some((place) => place.endsWith("/") ? path.startsWith(place) : path === place);

export function bannedUses(files: readonly Syntax[]): string[] {
  return files.flatMap(({ path, uses }) =>
    bans.filter((ban) => !allowed(ban, path)).flatMap((ban) =>
      ban.uses.filter((use) => uses.has(use)).map((use) => `${path} uses ${use}: ${ban.instead}`)
    )
  );
}
