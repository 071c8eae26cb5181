/** The doors that read: actors, cities, partitions, ledger. They add status codes and an order, no numbers. */
import { actorAnswer } from "./actor_search.ts";
import { type CityRow, cityRow, cityRows } from "./city_row.ts";
import { refusalResponse, refuse } from "./errors.ts";
import { fleetNodes, wholeLedger } from "./fleet_view.ts";
import { isForwarded } from "./forwarded.ts";
import type { Handles, Looked, PartitionView } from "./handles.ts";
import { pathText } from "./query.ts";
import type { Showing } from "./unmasked.ts";

/** How old what is shown of the other nodes may be: on a page, and where it was asked for. */
export const pageAgeMsMax = 5_000;
const askedAgeMsMax = 1_000;

export type Asked = {
  request: Request;
  requestId: string;
  /** What of people the caller may see, on a route that was asked for that. */
  show(route: string, asked: string): Showing;
};

export async function ride(handles: Handles, given: string, asked: Asked): Promise<Response> {
  const id = pathText(given, "id");
  if (!id.ok) return refusalResponse(id);
  return await actorAnswer(
    { ...asked, kind: "ride", path: `/v1/rides/${encodeURIComponent(id.value)}` },
    shown(handles.ride(id.value), (view) => asked.show("/v1/rides/:id", id.value).ride([view])),
    handles.fleet,
  );
}

export async function driver(handles: Handles, given: string, asked: Asked): Promise<Response> {
  const id = pathText(given, "id");
  if (!id.ok) return refusalResponse(id);
  return await actorAnswer(
    { ...asked, kind: "driver", path: `/v1/drivers/${encodeURIComponent(id.value)}` },
    shown(handles.driver(id.value), (view) => asked.show("/v1/drivers/:id", id.value).driver([view])),
    handles.fleet,
  );
}

function shown<T>(local: Looked<T>, show: (view: T) => T[]): Looked<T> {
  return local.view === null ? local : { ...local, view: show(local.view)[0]! };
}

export async function cities(handles: Handles): Promise<Response> {
  await handles.fleet?.refreshCities(pageAgeMsMax);
  return Response.json({ watermarks: handles.watermarks(), cities: cityRows(handles) });
}

export async function city(handles: Handles, given: string): Promise<Response> {
  const name = pathText(given, "city");
  if (!name.ok) return refusalResponse(name);
  await handles.fleet?.refreshCities(pageAgeMsMax);
  const row: CityRow | null = cityRow(handles, name.value);
  if (row === null) {
    return refusalResponse(refuse("city_not_found", "no window of this city is known to this node"));
  }
  const alerts = handles.board.alerts().filter((alert) => alert.city === name.value);
  return Response.json({ watermarks: handles.watermarks(), ...row, alerts });
}

const stateOrder: readonly PartitionView["state"][] = [
  "stopped",
  "unowned",
  "unknown",
  "restoring",
  "warming_up",
  "running",
];

/** Worst first: what does not run, then what lags most. */
export function worstPartitions(views: readonly PartitionView[]): PartitionView[] {
  return [...views].sort((a, b) =>
    stateOrder.indexOf(a.state) - stateOrder.indexOf(b.state) || b.lag_seconds - a.lag_seconds ||
    b.lag_records - a.lag_records || Number(b.idle) - Number(a.idle) ||
    Number(b.holds_watermark) - Number(a.holds_watermark) ||
    (a.topic < b.topic ? -1 : a.topic > b.topic ? 1 : a.partition - b.partition)
  );
}

/** Of all nodes; a node that asks gets what this one holds. */
export async function partitions(handles: Handles, request: Request): Promise<Response> {
  const ownOnly = isForwarded(request);
  if (!ownOnly) await handles.fleet?.refresh(askedAgeMsMax);
  const { watermarks, partitions } = ownOnly
    ? { watermarks: handles.own.watermarks(), partitions: handles.own.partitions() }
    : { watermarks: handles.watermarks(), partitions: handles.partitions() };
  return Response.json({
    node: handles.node,
    watermarks,
    partitions: worstPartitions(partitions),
    nodes: fleetNodes(
      handles,
      handles.own.partitions().length,
      ownOnly ? [] : handles.fleet?.seen()?.reports ?? [],
    ),
    sink: handles.sink(),
  });
}

/** Of all nodes; a node that asks gets what this one has counted. */
export async function ledger(handles: Handles, request: Request): Promise<Response> {
  const { node, fleet } = handles;
  const own = handles.own.ledger();
  const ownOnly = fleet === null || isForwarded(request);
  const reports = ownOnly ? [] : await fleet.ledgers();
  return Response.json({
    node,
    ...wholeLedger(ownOnly ? [] : fleet.seats, own, reports),
    nodes: fleetNodes(handles, own.partitions.length, reports),
  });
}
