/** The doors that read: actors, cities, partitions, ledger, alerts. They add status codes and an order, no numbers. */
import { type CityRow, cityRow, cityRows } from "./city_row.ts";
import { refusalResponse, refuse } from "./errors.ts";
import type { Handles, Looked, PartitionView } from "./handles.ts";
import { pathText } from "./query.ts";

export function ride(handles: Handles, given: string): Response {
  const id = pathText(given, "id");
  if (!id.ok) return refusalResponse(id);
  return looked(handles.ride(id.value), "ride");
}

export function driver(handles: Handles, given: string): Response {
  const id = pathText(given, "id");
  if (!id.ok) return refusalResponse(id);
  return looked(handles.driver(id.value), "driver");
}

function looked<T>(result: Looked<T>, kind: "ride" | "driver"): Response {
  switch (result.found) {
    case "yes":
      return Response.json(result.view);
    case "missing": {
      const { topic, partition, offset } = result.owner;
      const message = `${topic}/${partition}, folded up to offset ${offset}, does not know this ${kind}; ` +
        `it may have ended long ago or not have begun`;
      return refusalResponse(refuse(`${kind}_not_found`, message, { beside: { owner: result.owner } }));
    }
    case "not_ready": {
      const message = `${result.topic}/${result.partition} is being restored or has stopped; try again`;
      const owner = { topic: result.topic, partition: result.partition };
      return refusalResponse(refuse("partition_not_ready", message, { beside: { owner } }));
    }
  }
}

export function cities(handles: Handles): Response {
  return Response.json({ watermarks: handles.watermarks(), cities: cityRows(handles) });
}

export function city(handles: Handles, given: string): Response {
  const name = pathText(given, "city");
  if (!name.ok) return refusalResponse(name);
  const row: CityRow | null = cityRow(handles, name.value);
  if (row === null) {
    return refusalResponse(refuse("city_not_found", "no window of this city is known to this node"));
  }
  const alerts = handles.board.alerts().filter((alert) => alert.city === name.value);
  return Response.json({ watermarks: handles.watermarks(), ...row, alerts });
}

const stateOrder: readonly PartitionView["state"][] = ["stopped", "restoring", "warming_up", "running"];

/** Worst first: what does not run, then what lags most. */
export function worstPartitions(views: readonly PartitionView[]): PartitionView[] {
  return [...views].sort((a, b) =>
    stateOrder.indexOf(a.state) - stateOrder.indexOf(b.state) || b.lag_seconds - a.lag_seconds ||
    b.lag_records - a.lag_records || Number(b.holds_watermark) - Number(a.holds_watermark) ||
    (a.topic < b.topic ? -1 : a.topic > b.topic ? 1 : a.partition - b.partition)
  );
}

export function partitions(handles: Handles): Response {
  return Response.json({
    node: handles.node,
    watermarks: handles.watermarks(),
    partitions: worstPartitions(handles.partitions()),
    sink: handles.sink(),
  });
}

export function alerts(handles: Handles): Response {
  const all = handles.board.alerts();
  return Response.json({
    open: all.filter((alert) => alert.state !== "resolved"),
    recent: all.filter((alert) => alert.state === "resolved"),
  });
}
