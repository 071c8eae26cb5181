/** I1: every record read ends in exactly one line of the ledger, and it is the line that the contract says. */
import { type Checker, type Evidence, few, jsonOf, type LedgerLine } from "./evidence.ts";
import { oracleOf } from "./oracle.ts";

export const noLoss: Checker = { name: "I1 no loss", check };

function check(evidence: Evidence): string[] {
  if (evidence.scenario === "foreign") return [];
  return few([...ledgers(evidence), ...remarks(evidence), ...positions(evidence)]);
}

function ledgers(evidence: Evidence): string[] {
  const { verdicts } = oracleOf(evidence);
  return verdicts.flatMap((verdict, partition) => {
    const line = evidence.ledgers.find((l) => l.topic === "ride-events" && l.partition === partition);
    if (line === undefined) return [`nobody has a ledger of ride-events/${partition}`];
    const many = (...names: string[]) => verdict.filter((v) => names.includes(v)).length;
    const wanted = {
      read: verdict.length,
      counted: many("counted", "late"),
      late: many("late"),
      dead_lettered: many("dead"),
      "duplicates + too_late": many("duplicate", "too_late", "duplicate_or_too_late"),
    };
    const found = { ...line, "duplicates + too_late": line.duplicates + line.too_late };
    const wrong = Object.entries(wanted).filter(([name, value]) =>
      found[name as keyof typeof found] !== value
    );
    const fewest = { duplicates: many("duplicate"), too_late: many("too_late") };
    return [
      ...wrong.map(([name, value]) =>
        `ride-events/${partition}: ${name} is ${
          found[name as keyof typeof found]
        }, by the inputs it is ${value}`
      ),
      ...(line.duplicates < fewest.duplicates || line.too_late < fewest.too_late
        ? [
          `ride-events/${partition}: ${line.duplicates} duplicates and ${line.too_late} too late; ` +
          `by the inputs at least ${fewest.duplicates} and ${fewest.too_late}`,
        ]
        : []),
      ...balance(line),
    ];
  });
}

const balance = (line: LedgerLine): string[] =>
  line.read === line.counted + line.duplicates + line.too_late + line.dead_lettered
    ? []
    : [`${line.topic}/${line.partition}: the ledger does not add up: ${JSON.stringify(line)}`];

/** What is late, too late or dead is published with its source and its bytes. */
function remarks({ ledgers, published, rides, locations }: Evidence): string[] {
  const complaints: string[] = [];
  const told = { late: new Map<string, string>(), dead: new Map<string, string>() };
  for (const kind of ["late", "dead"] as const) {
    for (const { headers, value } of published[kind]) {
      if (headers?.["reason"] === "clickhouse_refused") continue;
      const { source_topic, source_partition, source_offset, reason = "" } = headers ?? {};
      const source = `${source_topic}/${source_partition}/${source_offset}`;
      const input = (source_topic === "ride-events" ? rides : locations)[Number(source_partition)]
        ?.find((r) => r.offset === Number(source_offset));
      if (input === undefined || !sameBytes(input.value, value)) {
        complaints.push(`${kind} ${source}: there is no such record with these bytes`);
      }
      const before = told[kind].get(source);
      if (before !== undefined && before !== reason) complaints.push(`${source} is ${before} and ${reason}`);
      told[kind].set(source, reason);
    }
  }
  for (const { topic, partition, late, too_late, dead_lettered } of ledgers) {
    const many = (kind: "late" | "dead", reason?: string) =>
      [...told[kind]].filter(([source, why]) =>
        source.startsWith(`${topic}/${partition}/`) && (reason === undefined || why === reason)
      ).length;
    const found = [many("late", "late"), many("late", "too_late"), many("dead")];
    const wanted = [late, too_late, dead_lettered];
    if (found.join() !== wanted.join()) {
      complaints.push(
        `${topic}/${partition}: late, too late and dead are ${wanted} in the ledger, ${found} published`,
      );
    }
  }
  return complaints;
}

/** Positions have no closed form of their own; each is read once, and the ledger adds up. */
function positions({ ledgers, locations }: Evidence): string[] {
  return locations.flatMap((records, partition) => {
    const line = ledgers.find((l) => l.topic === "driver-locations" && l.partition === partition);
    if (line === undefined) return [`nobody has a ledger of driver-locations/${partition}`];
    const read = line.read === records.length
      ? []
      : [`driver-locations/${partition}: read is ${line.read} of ${records.length} records`];
    return [...read, ...balance(line), ...distinctPoints(records, line)];
  });
}

/** Nothing is counted twice: at most as many points as differ. */
function distinctPoints(records: Evidence["locations"][number], line: LedgerLine): string[] {
  const different = new Set(records.map((record) => {
    try {
      const { driver_id, timestamp, event_id } = jsonOf<Record<string, string>>(record);
      return JSON.stringify([driver_id, timestamp, event_id]);
    } catch {
      return "";
    }
  }));
  return line.counted <= different.size
    ? []
    : [`driver-locations/${line.partition}: ${line.counted} counted of ${different.size} different points`];
}

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((x, i) => x === b[i]);
