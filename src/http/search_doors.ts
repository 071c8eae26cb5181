/**
 * `GET /v1/rides` and `GET /v1/drivers`: actors that fit, of all nodes, page by page in the order of their ids.
 *
 *   own rows ─┐
 *   node B ───┼─► by id, each once ─► the first `limit` ─► `next`: the last id, where there are more
 *   node C ───┘
 *
 * The invariant: a row is left out in silence never. What was not searched is named in `missing`, and `complete` says
 * whether all was. Ids order the pages, so a page may be asked of any node, and actors that come and go move no other.
 */
import { driverStatuses } from "../../schemas/driver_location.ts";
import { driversAnswer, type Provenance, ridesAnswer } from "../../schemas/http.ts";
import { fromUtf8 } from "../ids.ts";
import type { DoorBounds } from "./bounds.ts";
import { refusalResponse, refuse, type Refused } from "./errors.ts";
import type { Asking, NodeAnswer } from "./fleet_handle.ts";
import { isForwarded, searchedHeader, searchedText } from "./forwarded.ts";
import type { Found, Handles } from "./handles.ts";
import { textParameter, wholeParameter, wordsParameter } from "./query.ts";
import type { Asked } from "./state_doors.ts";

export const rideStates = ["requested", "accepted", "started", "completed", "cancelled"] as const;
export const ridesQuery = ["city", "state", "driver_id", "limit", "cursor"] as const;
export const driversQuery = ["city", "status", "ride_id", "limit", "cursor"] as const;
const rowsLimitUsual = 50;

export type SearchNeeds = { handles: Handles; bounds: DoorBounds; url: URL };
export type SearchDoors = {
  rides(asked: Asked, url: URL): Promise<Response>;
  drivers(asked: Asked, url: URL): Promise<Response>;
};

export function createSearchDoors(handles: Handles, bounds: DoorBounds): SearchDoors {
  let underWay = 0;

  async function bounded(work: () => Promise<Response>): Promise<Response> {
    if (underWay >= bounds.searchesMax) {
      const message = `${bounds.searchesMax} searches are under way already; try again`;
      return refusalResponse(refuse("overloaded", message));
    }
    underWay++;
    try {
      return await work();
    } finally {
      underWay--;
    }
  }

  return {
    async rides(asked, url) {
      const page = pageOf(url, bounds);
      if (!page.ok) return refusalResponse(page);
      const city = textParameter(url, "city", "city");
      if (!city.ok) return refusalResponse(city);
      const driverId = textParameter(url, "driver_id", "id");
      if (!driverId.ok) return refusalResponse(driverId);
      const states = wordsParameter(url, "state", { words: rideStates, fallback: [] });
      if (!states.ok) return refusalResponse(states);
      const wanted = {
        ...page.value,
        city: city.value,
        driverId: driverId.value,
        states: states.value.length === 0 ? null : states.value,
      };
      return await bounded(() =>
        answer({ ...asked, handles, bounds, url }, {
          name: "rides",
          read(body) {
            const { data } = ridesAnswer.safeParse(body);
            return data && { rows: data.rides, next: data.next };
          },
          idOf: (row) => row.ride_id,
          limit: page.value.limit,
          async own() {
            const found = await handles.findRides(wanted);
            return { ...found, rows: asked.show("/v1/rides", url.search).ride(found.rows) };
          },
        })
      );
    },
    async drivers(asked, url) {
      const page = pageOf(url, bounds);
      if (!page.ok) return refusalResponse(page);
      const city = textParameter(url, "city", "city");
      if (!city.ok) return refusalResponse(city);
      const rideId = textParameter(url, "ride_id", "id");
      if (!rideId.ok) return refusalResponse(rideId);
      const statuses = wordsParameter(url, "status", { words: driverStatuses, fallback: [] });
      if (!statuses.ok) return refusalResponse(statuses);
      const wanted = {
        ...page.value,
        city: city.value,
        rideId: rideId.value,
        statuses: statuses.value.length === 0 ? null : statuses.value,
      };
      return await bounded(() =>
        answer({ ...asked, handles, bounds, url }, {
          name: "drivers",
          read(body) {
            const { data } = driversAnswer.safeParse(body);
            return data && { rows: data.drivers, next: data.next };
          },
          idOf: (row) => row.driver_id,
          limit: page.value.limit,
          async own() {
            const found = await handles.findDrivers(wanted);
            return { ...found, rows: asked.show("/v1/drivers", url.search).driver(found.rows) };
          },
        })
      );
    },
  };
}

function pageOf(
  url: URL,
  bounds: DoorBounds,
): { ok: true; value: { after: string; limit: number } } | Refused {
  const limit = wholeParameter(url, "limit", { min: 1, max: bounds.rowsLimitMax, fallback: rowsLimitUsual });
  if (!limit.ok) return limit;
  const cursor = textParameter(url, "cursor", "id");
  return cursor.ok ? { ok: true, value: { after: cursor.value ?? "", limit: limit.value } } : cursor;
}

type Row = { owner: Provenance };
type Listed<R extends Row> = {
  name: "rides" | "drivers";
  /** Another node's answer; undefined when it is none. */
  read(body: unknown): { rows: R[]; next: string | null } | undefined;
  idOf(row: R): string;
  limit: number;
  own(): Promise<Found<R>>;
};

async function answer<R extends Row>(
  { handles, bounds, url, request, requestId }: SearchNeeds & Asked,
  { name, read, idOf, limit, own }: Listed<R>,
): Promise<Response> {
  const forwarded = isForwarded(request);
  const [found, others] = await Promise.all([
    own(),
    forwarded || handles.fleet === null
      ? null
      : askOthers(handles.fleet, name === "rides" ? "rides" : "locations", {
        path: `${url.pathname}${url.search}`,
        authorization: request.headers.get("authorization"),
        requestId,
        withinMs: bounds.searchMs,
      }),
  ]);
  // One that the group does not list believes in partitions that others have by now.
  const lists = others === null || others.listed ? [found] : [];
  for (const said of others?.answers ?? []) {
    const list = listOf(said, read);
    if (list !== null) lists.push({ ...found, ...list });
  }
  const best = new Map<string, R>();
  for (const one of lists.flatMap(({ rows }) => rows)) {
    const known = best.get(idOf(one));
    if (known === undefined || one.owner.offset > known.owner.offset) best.set(idOf(one), one);
  }
  const rows = [...best.values()].sort((a, b) => idOf(a) < idOf(b) ? -1 : 1);
  const page = rows.slice(0, limit);
  const searched = new Set(lists.flatMap(({ searched }) => searched));
  const missing = Array.from({ length: found.partitions }, (_, partition) => partition)
    .filter((partition) => !searched.has(partition)).map((partition) => `${found.topic}/${partition}`);
  const more = rows.length > limit || lists.some((list) => list.more);
  const last = page.at(-1);
  const response = Response.json({
    [name]: page,
    next: more && last !== undefined ? idOf(last) : null,
    complete: missing.length === 0,
    missing,
  });
  if (forwarded) response.headers.set(searchedHeader, searchedText(found.searched));
  return response;
}

async function askOthers(
  fleet: NonNullable<Handles["fleet"]>,
  stage: "rides" | "locations",
  asking: Asking,
): Promise<{ answers: (NodeAnswer | null)[]; listed: boolean }> {
  const others = await fleet.others(stage);
  const answers = await Promise.all(others.nodes.map((node) => fleet.ask(node, asking)));
  return { answers, listed: others.listed };
}

function listOf<R extends Row>(
  answer: NodeAnswer | null,
  read: Listed<R>["read"],
): { rows: R[]; more: boolean; searched: readonly number[] } | null {
  if (answer?.status !== 200 || answer.searched === null) return null;
  try {
    const list = read(JSON.parse(fromUtf8(answer.body)));
    return list === undefined
      ? null
      : { rows: list.rows, more: list.next !== null, searched: answer.searched };
  } catch {
    return null;
  }
}
