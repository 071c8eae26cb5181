/** I3: what an owner is handed of a partition has no hole, no step back and nothing twice, from where it began. */
import { type Checker, type Evidence, few } from "./evidence.ts";

export const order: Checker = { name: "I3 order", check };

function check(evidence: Evidence): string[] {
  const inputs = new Map<string, { offset: number }[]>(
    [...evidence.rides, ...evidence.locations].flatMap((records) =>
      records.length === 0
        ? []
        : [[`${records[0]!.topic}/${records[0]!.partition}` as string, records] as const]
    ),
  );
  const at = new Map<string, number>();
  const complaints: string[] = [];
  for (const { member, tp, from, offsets } of evidence.handed) {
    const key = `${member} ${tp}`;
    if (offsets === "assigned") {
      at.set(key, from);
      continue;
    }
    const expected = at.get(key);
    if (expected === undefined) {
      complaints.push(`${member} was handed ${tp} from ${from} on before it said where to begin`);
      continue;
    }
    let next = expected;
    const records = evidence.scenario === "foreign" ? undefined : inputs.get(tp);
    for (const offset of offsets) {
      if (offset < next) complaints.push(`${member} was handed ${tp}/${offset} after ${next - 1}`);
      else if (records !== undefined && offset > next && holds(records, next, offset)) {
        complaints.push(`${member} was handed ${tp}/${offset} and not what stands from ${next} on`);
      }
      next = offset + 1;
    }
    at.set(key, next);
  }
  return few(complaints);
}

/** Whether the log has a record in [from, until): a gap of the log itself is none of ours. */
function holds(records: readonly { offset: number }[], from: number, until: number): boolean {
  let low = 0;
  let high = records.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (records[middle]!.offset < from) low = middle + 1;
    else high = middle;
  }
  return records[low] !== undefined && records[low]!.offset < until;
}
