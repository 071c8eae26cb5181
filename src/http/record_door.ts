/** `GET /v1/records/{topic}/{partition}/{offset}`: one record as the log holds it, or masked for who may not see people. */
import { shown } from "../codec/rejection.ts";
import { refusalResponse, refuse } from "./errors.ts";
import type { Handles, RawRecord } from "./handles.ts";

export type RecordPlace = { topic: string; partition: string; offset: string };

export async function recordAnswer(
  handles: Handles,
  { topic, partition, offset }: RecordPlace,
  show: (record: RawRecord) => RawRecord[],
): Promise<Response> {
  const refusedPart = wrongNumber("partition", partition) ?? wrongNumber("offset", offset);
  if (refusedPart !== null) return refusalResponse(refusedPart);
  const answer = await handles.records.one(topic.slice(0, topicCharsMax), Number(partition), Number(offset));
  return answer.found
    ? Response.json(show(answer.record)[0])
    : refusalResponse(refuse("record_not_found", `${answer.why}; wanted: offset ${offset}`));
}

/** What Kafka allows as the name of a topic. */
const topicCharsMax = 249;

function wrongNumber(field: "partition" | "offset", given: string) {
  if (/^\d{1,15}$/.test(given)) return null;
  return refuse("path_invalid", `${field} is ${shown(given)}; allowed: a whole number from 0`, { field });
}
