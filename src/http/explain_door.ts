/** `GET /v1/cities/{city}/windows/{start}/explain`: a window taken apart by the node that folds its city. */
import { isoTime, minuteMs } from "../time.ts";
import { actorAnswer } from "./actor_search.ts";
import { refusalResponse, refuse } from "./errors.ts";
import type { Handles } from "./handles.ts";
import { pathText, pathTime } from "./query.ts";
import type { Asked } from "./state_doors.ts";

export async function explain(
  handles: Handles,
  given: { city: string; start: string },
  asked: Asked,
): Promise<Response> {
  const city = pathText(given.city, "city");
  if (!city.ok) return refusalResponse(city);
  const start = pathTime(given.start, "start");
  if (!start.ok) return refusalResponse(start);
  if (start.value % minuteMs !== 0) {
    const message = `start is ${isoTime(start.value)}; allowed: a whole minute, at which windows start`;
    return refusalResponse(refuse("path_invalid", message, { field: "start" }));
  }
  const local = handles.explain(city.value, start.value);
  const view = local.view === null ? null : { ...local.view, late: await handles.late(local.view) };
  const path = `/v1/cities/${encodeURIComponent(city.value)}/windows/${isoTime(start.value)}/explain`;
  return await actorAnswer({ ...asked, kind: "window", path }, { ...local, view }, handles.fleet);
}
