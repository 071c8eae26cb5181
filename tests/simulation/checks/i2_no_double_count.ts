/** I2: every published window equals the closed form of its events, less the panes that are listed as missed. */
import { type Checker, type Evidence, few, jsonOf } from "./evidence.ts";
import { oracleOf, type OracleWindow, windowsOf } from "./oracle.ts";

export const noDoubleCount: Checker = { name: "I2 no double count", check };

type Window = OracleWindow & { city: string; window_start: string; kind: string; rev: string };

const minute = 60_000;

function check(evidence: Evidence): string[] {
  if (evidence.scenario === "foreign") return [];
  const { windowMs } = evidence.settings;
  const wanted = windowsOf(oracleOf(evidence).counted, windowMs);
  const found = newest(evidence);
  const complaints: string[] = [];
  for (const [key, window] of wanted) {
    const published = found.get(key);
    const missed = missedIn(evidence, key, windowMs);
    if (missed !== 0) {
      const events = (published?.total_events ?? 0) + missed;
      if (events !== window.total_events) {
        complaints.push(
          `${shown(key)}: ${events} events with the missed ones, by the inputs ${window.total_events}`,
        );
      }
      continue;
    }
    if (published === undefined) {
      complaints.push(`${shown(key)} was never published; it has ${JSON.stringify(window)}`);
    } else complaints.push(...differences(key, window, published));
  }
  for (const key of found.keys()) {
    if (!wanted.has(key)) complaints.push(`${shown(key)} was published and has no event`);
  }
  return few(complaints);
}

/** By position, never by arrival. */
export function newest(evidence: Evidence): Map<string, Window> {
  const held = new Map<string, Window>();
  for (const record of evidence.published.windows) {
    const window = jsonOf<Window>(record);
    const key = `${window.city}|${Date.parse(window.window_start)}`;
    const before = held.get(key);
    if (before === undefined || window.rev > before.rev) held.set(key, window);
  }
  return held;
}

function differences(key: string, wanted: OracleWindow, found: Window): string[] {
  return (Object.keys(wanted) as (keyof OracleWindow)[]).filter((name) => wanted[name] !== found[name]).map((
    name,
  ) => `${shown(key)} rev ${found.rev}: ${name} is ${found[name]}, by the inputs it is ${wanted[name]}`);
}

/** Events that are listed as told too late for the window. */
function missedIn({ missed }: Evidence, key: string, windowMs: number): number {
  const [city, start] = key.split("|");
  let events = 0;
  for (const pane of missed) {
    const at = Date.parse(pane.minute);
    const inside = at >= Number(start) && at <= Number(start) + windowMs - minute;
    if (pane.city === city && inside) events += pane.events - pane.counted;
  }
  return events;
}

const shown = (key: string): string => {
  const [city, start] = key.split("|");
  return `${city} ${new Date(Number(start)).toISOString().slice(11, 16)}`;
};
