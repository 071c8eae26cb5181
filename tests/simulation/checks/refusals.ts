/** Fault row 10: a log that is not the one that was folded is refused, and nothing of it is published as if it were. */
import { type Checker, type Evidence, few } from "./evidence.ts";

export const refusals: Checker = { name: "refusals", check };

function check(evidence: Evidence): string[] {
  if (evidence.scenario !== "foreign") return [];
  const complaints: string[] = [];
  if (evidence.mustRefuse !== null && evidence.refusals.length === 0) {
    complaints.push(`${evidence.mustRefuse}, and nobody refused`);
  }
  return few([...complaints, ...ofAnotherLog(evidence)]);
}

/** Late events and dead letters carry the bytes of their record: those of the log that was there first. */
function ofAnotherLog({ published, rides, locations, mustRefuse }: Evidence): string[] {
  if (mustRefuse === null || !mustRefuse.includes("made again")) return [];
  return [...published.late, ...published.dead].flatMap(({ headers, value }) => {
    const { source_topic, source_partition, source_offset } = headers ?? {};
    if (source_topic !== "ride-events" && source_topic !== "driver-locations") return [];
    const input = (source_topic === "ride-events" ? rides : locations)[Number(source_partition)]
      ?.find((record) => record.offset === Number(source_offset));
    return input !== undefined && input.value.length === value.length &&
        input.value.every((x, i) => x === value[i])
      ? []
      : [
        `${source_topic}/${source_partition}/${source_offset} is told of with bytes that the first log does not have`,
      ];
  });
}
