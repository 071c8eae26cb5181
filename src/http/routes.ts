/**
 * Every route as data: method, path, who may use it, which query parameters it knows, and what answers.
 *
 * The scope is a required field: a route without a rule does not compile.
 */
import type { Context } from "hono";
import type { Clock } from "../time.ts";
import type { Asset } from "./assets.ts";
import { assetResponse } from "./assets.ts";
import type { Scope } from "./auth.ts";
import type { BodyReader } from "./body.ts";
import type { DoorBounds } from "./bounds.ts";
import { refusalResponse } from "./errors.ts";
import type { Handles } from "./handles.ts";
import { livez, readyz, startupz } from "./health.ts";
import { eventsDoor, ingest, locationsDoor } from "./ingest.ts";
import { operationsPage } from "./operations_page.ts";
import { pathText } from "./query.ts";
import { scrape } from "./scrape.ts";
import * as state from "./state_doors.ts";
import type { Streams } from "./stream.ts";
import { cityWindows, windowRange } from "./windows_door.ts";

export type DoorEnvironment = { Variables: { requestId: string } };
export type DoorContext = Context<DoorEnvironment>;

export type Route = {
  method: "GET" | "POST";
  path: string;
  scope: Scope;
  /** Query parameters; null takes any, for a page that people share links to. */
  query: readonly string[] | null;
  answer(request: Request, context: DoorContext, url: URL): Response | Promise<Response>;
};

export type RouteNeeds = {
  handles: Handles;
  clock: Clock;
  bounds: DoorBounds;
  readBody: BodyReader;
  streams: Streams;
  assets: ReadonlyMap<string, Asset>;
  /** Whether posting needs a key: the page then says so in its example. */
  ingestNeedsKey: boolean;
};

export function routes(needs: RouteNeeds): Route[] {
  const { handles, bounds, streams, assets } = needs;
  const none: readonly string[] = [];
  const read = (path: string, answer: Route["answer"], query = none): Route => ({
    method: "GET",
    path,
    scope: "read",
    query,
    answer,
  });
  const open = (path: string, answer: Route["answer"], query: Route["query"] = null): Route => ({
    method: "GET",
    path,
    scope: "open",
    query,
    answer,
  });
  const post = (path: string, answer: Route["answer"]): Route => ({
    method: "POST",
    path,
    scope: "ingest",
    query: none,
    answer,
  });
  const table: Route[] = [
    post("/v1/events", (request) => ingest(request, eventsDoor, needs)),
    post("/v1/locations", (request) => ingest(request, locationsDoor, needs)),
    read("/v1/rides/:id", (request, context) => {
      const asked = { request, requestId: context.get("requestId") };
      return state.ride(handles, context.req.param("id") ?? "", asked);
    }),
    read("/v1/drivers/:id", (request, context) => {
      const asked = { request, requestId: context.get("requestId") };
      return state.driver(handles, context.req.param("id") ?? "", asked);
    }),
    read("/v1/cities", () => state.cities(handles)),
    read("/v1/cities/:city", (_, context) => state.city(handles, context.req.param("city") ?? "")),
    read("/v1/cities/:city/windows", (_, context, url) => {
      const name = pathText(context.req.param("city") ?? "", "city");
      if (!name.ok) return refusalResponse(name);
      const wanted = windowRange(url, bounds);
      return wanted.ok ? cityWindows(handles, name.value, wanted.range) : refusalResponse(wanted);
    }, ["from", "to", "limit"]),
    read("/v1/partitions", (request) => state.partitions(handles, request)),
    read("/v1/ledger", (request) => state.ledger(handles, request)),
    read("/v1/alerts", () => state.alerts(handles)),
    read("/v1/stream", async (request, _, url) => {
      await handles.fleet?.refresh(state.pageAgeMsMax);
      return streams.open(request, url);
    }, ["events"]),
    read("/metrics", () => scrape(handles)),
    open("/livez", () => livez(handles)),
    open("/readyz", () => readyz(handles)),
    open("/startupz", () => startupz(handles)),
  ];
  for (const asset of assets.values()) {
    table.push(open(asset.path, (request) => assetResponse(asset, request)));
  }
  table.push({
    method: "GET",
    path: "/",
    scope: "read",
    query: null,
    async answer(request, _, url) {
      if (wantsHtml(request)) {
        await handles.fleet?.refresh(state.pageAgeMsMax);
        return operationsPage(handles, { origin: url.origin, ingestNeedsKey: needs.ingestNeedsKey });
      }
      return Response.json({
        name: "waymark",
        version: handles.version,
        node: handles.node,
        routes: table.filter((r) => r.scope !== "open").map((r) => `${r.method} ${r.path}`),
      });
    },
  });
  return table;
}

/** A browser asks for HTML by name; anything that would take whatever comes gets JSON. */
function wantsHtml(request: Request): boolean {
  return (request.headers.get("accept") ?? "").toLowerCase().includes("text/html");
}
