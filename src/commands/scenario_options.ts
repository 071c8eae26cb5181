/** Options that stage a scenario, for the commands that make traffic. */
import type { Config } from "../config.ts";
import { WaymarkError } from "../errors.ts";
import { utf8 } from "../ids.ts";
import { stageContext } from "../node/context.ts";
import { hourMs, minuteMs, secondMs } from "../time.ts";
import { type ScenarioName, scenarioNames, type ScenarioOptions, scenarios } from "../traffic/scenario.ts";
import { type Given, type Option, share, wholeNumber } from "./command.ts";

export const scenarioOptions: Record<string, Option> = {
  scenario: { type: "string", value: "NAME", help: `stages one of: ${scenarioNames.join(", ")}` },
  "scenario-city": { type: "string", value: "CITY", help: "where (default: the largest city)" },
  "scenario-after": {
    type: "string",
    value: "TIME",
    help: "begins at the first full minute after that, as 10m (default)",
  },
  "scenario-for": { type: "string", value: "TIME", help: "how long, as 20m (default)" },
  "scenario-factor": { type: "string", value: "N", help: "concert: times the requests (default 2)" },
  "scenario-share": {
    type: "string",
    value: "SHARE",
    help: "supply-drop (0.6), cancellation-burst (0.45), fast-clock (0.1): see below",
  },
  "scenario-partition": { type: "string", value: "N", help: "silent-partition: which (default 0)" },
};

export const scenariosText = (): string =>
  `Scenarios:\n${
    scenarioNames.map((name) => `  ${name.padEnd(20)} ${scenarios[name].summary}`).join("\n")
  }\n\n` +
  "Nothing that a scenario is not about changes: the same seed sends the same bytes for every other city.\n";

/** Which of them an option belongs to; the others refuse it. */
const belongsTo: Record<string, (name: ScenarioName) => boolean> = {
  "scenario-city": (name) => name !== "silent-partition",
  "scenario-after": () => true,
  "scenario-for": () => true,
  "scenario-factor": (name) => scenarios[name].factor !== undefined,
  "scenario-share": (name) => scenarios[name].share !== undefined,
  "scenario-partition": (name) => name === "silent-partition",
};

/** `historyMs`: how long before now the traffic begins; the scenario is counted from now. */
export function scenarioFrom(
  given: Given,
  { historyMs, config }: { historyMs: number; config: Config },
): ScenarioOptions | undefined {
  const name = nameOf(given);
  for (const [option, belongs] of Object.entries(belongsTo)) {
    const text = given.text(option);
    if (text === undefined || (name !== undefined && belongs(name))) continue;
    const allowed = scenarioNames.filter(belongs).join(", ");
    throw new WaymarkError("usage", `--${option} is "${text}"; allowed: only with --scenario ${allowed}`);
  }
  if (name === undefined) return undefined;
  const { factor, share: usualShare } = scenarios[name];
  const city = given.text("scenario-city");
  return {
    name,
    ...(city !== undefined && { city }),
    afterMs: historyMs + span(given, "scenario-after", 10 * minuteMs),
    forMs: span(given, "scenario-for", 20 * minuteMs),
    ...(factor !== undefined && { factor: timesOf(given, factor) }),
    ...(usualShare !== undefined && { share: share(given, "scenario-share", usualShare.fallback) }),
    ...(name === "silent-partition" && { partition: partitionFrom(given, config) }),
  };
}

function nameOf(given: Given): ScenarioName | undefined {
  const name = given.text("scenario");
  if (name === undefined || scenarioNames.includes(name as ScenarioName)) return name as ScenarioName;
  throw new WaymarkError("usage", `--scenario is "${name}"; allowed: ${scenarioNames.join(", ")}`);
}

function timesOf(given: Given, fallback: number): number {
  const text = given.text("scenario-factor");
  const factor = text === undefined ? fallback : text.trim() === "" ? NaN : Number(text);
  if (factor > 0 && factor <= 100) return factor;
  throw new WaymarkError("usage", `--scenario-factor is "${text}"; allowed: a number above 0, at most 100`);
}

/** Keys find their partitions as the service's settings say. */
function partitionFrom(given: Given, config: Config): NonNullable<ScenarioOptions["partition"]> {
  const { partitions, partitionOf } = stageContext(config);
  const count = partitions["ride-events"];
  return {
    silent: wholeNumber(given, "scenario-partition", { fallback: 0, min: 0, max: count - 1 }),
    count,
    of: (key) => partitionOf("ride-events", utf8(key)),
  };
}

const unitsMs: Record<string, number> = { s: secondMs, m: minuteMs, h: hourMs };

function span(given: Given, name: string, fallbackMs: number): number {
  const text = given.text(name);
  if (text === undefined) return fallbackMs;
  const [, count, unit] = /^(\d{1,6})([smh])$/.exec(text) ?? [];
  if (count !== undefined && (name === "scenario-after" || Number(count) > 0)) {
    return Number(count) * unitsMs[unit!]!;
  }
  throw new WaymarkError("usage", `--${name} is "${text}"; allowed: a time as 90s, 10m or 2h`);
}
