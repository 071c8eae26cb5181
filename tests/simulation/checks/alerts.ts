/**
 * Alerts: each incident fires once and ends, every (rule, city) ends in the state that the events say, whoever owned
 * what. What holds for any rule is judged for all of them; `cancellation_rate_high` is worked out from the inputs.
 */
import { type Checker, type Evidence, few, jsonOf } from "./evidence.ts";
import { oracleOf } from "./oracle.ts";

export const alerts: Checker = { name: "alerts", check };

type Alert = {
  alert_id: string;
  rule: string;
  city: string;
  state: "pending" | "firing" | "resolved" | "no_data";
  window_end: string;
  rev: string;
  value?: number | null;
  counts?: Record<string, number>;
};

function check(evidence: Evidence): string[] {
  if (evidence.scenario === "foreign") return [];
  const told = transitions(evidence.published.alerts.map((record) => jsonOf<Alert>(record)));
  const complaints = [...told].flatMap(([name, all]) => sequence(name, all));
  if (evidence.calm !== null) {
    complaints.push(
      ...asCalm(told, transitions(evidence.calm.alerts as Alert[])),
      ...byInputs(evidence, told),
    );
  }
  return few(complaints);
}

/** Per rule and city, each once, in order of the windows that caused them. */
function transitions(all: Alert[]): Map<string, Alert[]> {
  const held = new Map<string, Map<string, Alert>>();
  for (const alert of all) {
    const name = `${alert.rule} ${alert.city}`;
    const ofName = held.get(name) ?? new Map<string, Alert>();
    held.set(name, ofName);
    ofName.set(`${alert.window_end} ${alert.state} ${alert.rev}`, alert);
  }
  const order = (a: Alert) => `${a.window_end} ${a.rev}`;
  return new Map(
    [...held].map((
      [name, ofName],
    ) => [name, [...ofName.values()].sort((a, b) => order(a) < order(b) ? -1 : 1)]),
  );
}

const lawful: Record<string, readonly string[]> = {
  none: ["pending", "firing", "no_data"],
  pending: ["firing", "resolved"],
  firing: ["resolved", "no_data"],
  resolved: ["pending", "firing", "no_data"],
  no_data: ["pending", "firing", "resolved"],
};

/** From one state to the next only as the rule may; one incident fires once. */
function sequence(name: string, all: Alert[]): string[] {
  const complaints: string[] = [];
  const fired = new Set<string>();
  let before = "none";
  for (const { state, window_end, alert_id } of all) {
    if (!lawful[before]!.includes(state)) {
      complaints.push(`${name}: ${state} at ${window_end} after ${before}`);
    }
    if (state === "firing" && fired.has(alert_id)) complaints.push(`${name}: ${alert_id} fired twice`);
    if (state === "firing") fired.add(alert_id);
    before = state;
  }
  return complaints;
}

/** With the figures that were judged: they differ long before a state does. */
function asCalm(told: Map<string, Alert[]>, calm: Map<string, Alert[]>): string[] {
  const said = ({ state, window_end, value, counts }: Alert) =>
    `${state} at ${window_end.slice(11, 16)} on ${value} of ${JSON.stringify(counts)}`;
  const text = (all: Alert[] = []) => all.map(said).join(", ") || "nothing";
  return [...new Set([...told.keys(), ...calm.keys()])].filter((name) =>
    text(told.get(name)) !== text(calm.get(name))
  )
    .map((name) => `${name}: ${text(told.get(name))}; of one calm owner: ${text(calm.get(name))}`);
}

/** Above 30 % for more than five boundaries; below 25 % for as long; at 20 ended rides at least. No simulation is longer than a row may be. */
function byInputs(evidence: Evidence, told: Map<string, Alert[]>): string[] {
  const { closings } = oracleOf(evidence);
  return [...closings].flatMap(([city, boundaries]) => {
    const expected: string[] = [];
    let state = "ok";
    let streak = 0;
    for (const [boundary, { completed, cancelled }] of [...boundaries].sort(([a], [b]) => a - b)) {
      const ended = completed + cancelled;
      if (ended < 20) continue;
      const at = new Date(boundary).toISOString();
      const breach = cancelled / ended > 0.3;
      const calm = cancelled / ended < 0.25;
      if (state === "ok" && breach) {
        [state, streak] = ["pending", 1];
        expected.push(`pending ${at}`);
      } else if (state === "pending" && !breach) {
        state = "ok";
        expected.push(`resolved ${at}`);
      } else if (state === "pending" && ++streak > 5) {
        [state, streak] = ["firing", 0];
        expected.push(`firing ${at}`);
      } else if (state === "firing") {
        streak = calm ? streak + 1 : 0;
        if (streak <= 5) continue;
        state = "ok";
        expected.push(`resolved ${at}`);
      }
    }
    const found = (told.get(`cancellation_rate_high ${city}`) ?? []).map((a) => `${a.state} ${a.window_end}`);
    return found.join() === expected.join() ? [] : [
      `cancellation_rate_high ${city}: ${found.join(", ") || "nothing"}; by the inputs: ${
        expected.join(", ") || "nothing"
      }`,
    ];
  });
}
