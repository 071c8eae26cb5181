/**
 * Every route as data: method, path, who may use it, what it is for, under which name it is counted, which query
 * parameters it knows, and what answers.
 *
 * All are required fields: a route without a rule, a description or a metric does not compile, and the test fails for
 * one that nobody has thought about (tests/unit/http/routes_test.ts).
 */
import type { Context } from "hono";
import type { Clock } from "../time.ts";
import type { RequestFacts } from "./access_log.ts";
import type { Assets } from "./assets.ts";
import type { Passed, Scope } from "./auth.ts";
import type { BodyReader } from "./body.ts";
import type { DoorBounds } from "./bounds.ts";
import { descriptionRoutes } from "./description_routes.ts";
import { acknowledge, alerts, endSilence, silence, silences } from "./alert_doors.ts";
import { erase, erasure, erasures } from "./erasure_doors.ts";
import { refusalResponse } from "./errors.ts";
import { explain } from "./explain_door.ts";
import type { Handles } from "./handles.ts";
import { livez, readyz, startupz } from "./health.ts";
import { eventsDoor, ingest, locationsDoor } from "./ingest.ts";
import type { LivePages } from "./live.ts";
import { pageRoutes } from "./page_routes.ts";
import { pathText } from "./query.ts";
import type { RateLimits } from "./rate_limits.ts";
import { scrape } from "./scrape.ts";
import { createSearchDoors, driversQuery, ridesQuery } from "./search_doors.ts";
import type { Asked } from "./state_doors.ts";
import * as state from "./state_doors.ts";
import type { Streams } from "./stream.ts";
import { showing, type ShowingNeeds } from "./unmasked.ts";
import { cityWindows, windowRange } from "./windows_door.ts";

export type DoorEnvironment = {
  /** Absent where the application is asked without a server. */
  Bindings: { facts?: RequestFacts };
  Variables: { requestId: string; caller: Passed };
};
export type DoorContext = Context<DoorEnvironment>;

export type Route = {
  method: "GET" | "POST";
  path: string;
  scope: Scope;
  /** What a caller gets, as one sentence. */
  description: string;
  /** The value of `route` in metrics and in the access log: never with an id in it. */
  metric: string;
  /** Query parameters; null takes any, for a page that people share links to. */
  query: readonly string[] | null;
  answer(request: Request, context: DoorContext, url: URL): Response | Promise<Response>;
};

export type RouteNeeds = {
  handles: Handles;
  clock: Clock;
  bounds: DoorBounds;
  readBody: BodyReader;
  limits: RateLimits;
  streams: Streams;
  live: LivePages;
  assets: Assets;
  shows: ShowingNeeds;
  /** Whether posting needs a key: the page then says so in its example. */
  ingestNeedsKey: boolean;
  /** Whether some key administers: the pages then lead to where it is asked for. */
  hasAdminKeys: boolean;
};

export function routes(needs: RouteNeeds): Route[] {
  const { handles, bounds, streams } = needs;
  const searches = createSearchDoors(handles, bounds);
  const askedIn = (request: Request, context: DoorContext): Asked => ({
    request,
    requestId: context.get("requestId"),
    show: (route, asked) =>
      showing(needs.shows, context.get("caller"), { route, asked, requestId: context.get("requestId") }),
  });
  const none: readonly string[] = [];
  const read = (path: string, description: string, answer: Route["answer"], query = none): Route => ({
    method: "GET",
    path,
    scope: "read",
    description,
    metric: path,
    query,
    answer,
  });
  const open = (path: string, description: string, answer: Route["answer"]): Route => ({
    method: "GET",
    path,
    scope: "open",
    description,
    metric: path,
    query: null,
    answer,
  });
  const post = (path: string, description: string, answer: Route["answer"]): Route => ({
    method: "POST",
    path,
    scope: "ingest",
    description,
    metric: path,
    query: none,
    answer,
  });
  const table: Route[] = [
    post(
      "/v1/events",
      "Takes ride events in.",
      (request, context) => ingest(request, { door: eventsDoor, key: context.get("caller").key }, needs),
    ),
    post(
      "/v1/locations",
      "Takes driver positions in.",
      (request, context) => ingest(request, { door: locationsDoor, key: context.get("caller").key }, needs),
    ),
    ...erasureRoutes(needs),
    read(
      "/v1/rides",
      "Rides in memory by city, state or driver, page by page.",
      (request, context, url) => searches.rides(askedIn(request, context), url),
      ridesQuery,
    ),
    read(
      "/v1/drivers",
      "Drivers in memory by city, status or ride, page by page.",
      (request, context, url) => searches.drivers(askedIn(request, context), url),
      driversQuery,
    ),
    read("/v1/rides/:id", "The state of one ride, and where it comes from.", (request, context) => {
      return state.ride(handles, context.req.param("id") ?? "", askedIn(request, context));
    }),
    read("/v1/drivers/:id", "The state of one driver, and where it comes from.", (request, context) => {
      return state.driver(handles, context.req.param("id") ?? "", askedIn(request, context));
    }),
    read("/v1/cities", "The current state of every city, worst first.", () => state.cities(handles)),
    read(
      "/v1/cities/:city",
      "The current state of one city, and its alerts.",
      (_, context) => state.city(handles, context.req.param("city") ?? ""),
    ),
    read(
      "/v1/cities/:city/windows",
      "The windows of one city, newest version of each.",
      (_, context, url) => {
        const name = pathText(context.req.param("city") ?? "", "city");
        if (!name.ok) return refusalResponse(name);
        const wanted = windowRange(url, bounds);
        return wanted.ok ? cityWindows(handles, name.value, wanted.range) : refusalResponse(wanted);
      },
      ["from", "to", "limit"],
    ),
    read(
      "/v1/cities/:city/windows/:start/explain",
      "Which partitions contributed what to a window, what it waits for, what was late.",
      (request, context) => {
        const { city = "", start = "" } = context.req.param();
        return explain(handles, { city, start }, askedIn(request, context));
      },
    ),
    read(
      "/v1/partitions",
      "Owner, position, lag and watermark of every partition.",
      (request) => state.partitions(handles, request),
    ),
    read(
      "/v1/ledger",
      "What became of every record that was read.",
      (request) => state.ledger(handles, request),
    ),
    read("/v1/alerts", "Open and recent alerts.", () => alerts(handles)),
    read("/v1/alerts/silences", "The silences in force.", () => silences(handles)),
    ...noteRoutes(needs),
    read("/v1/stream", "Changes as they happen, as server-sent events.", async (request, _, url) => {
      await handles.fleet?.refreshCities(state.pageAgeMsMax);
      return streams.open(request, url);
    }, ["events"]),
    read("/metrics", "Metrics of this process, as Prometheus reads them.", () => scrape(handles)),
    open("/livez", "Whether the process answers.", () => livez(handles)),
    open("/readyz", "Whether the process may be sent work, and why not.", () => readyz(handles)),
    open("/startupz", "Whether everything was restored, and why not.", () => startupz(handles)),
  ];
  const all = [...table, ...pageRoutes(needs, table)];
  return [...all, ...descriptionRoutes(needs, all)];
}

function noteRoutes(needs: RouteNeeds): Route[] {
  const note = (path: string, description: string, answer: Route["answer"]): Route => ({
    ...{ method: "POST", scope: "admin", query: [] },
    ...{ path, metric: path, description, answer },
  });
  return [
    note(
      "/v1/alerts/silences",
      "Keeps alerts from paging for a while.",
      (request) => silence(request, needs),
    ),
    note(
      "/v1/alerts/silences/:id/end",
      "Ends a silence.",
      (request, context) => endSilence(request, context.req.param("id") ?? "", needs),
    ),
    note(
      "/v1/alerts/acknowledgements",
      "Says that somebody has taken an alert over.",
      (request) => acknowledge(request, needs),
    ),
  ];
}

function erasureRoutes({ handles, readBody }: RouteNeeds): Route[] {
  const path = "/v1/erasures";
  const admin = { scope: "admin", metric: path, path, query: [] } as const;
  return [
    {
      ...{ ...admin, method: "POST", description: "Erases what says who a rider was." },
      answer: (request, context) =>
        erase(request, { erasing: handles.erasing, readBody, by: context.get("caller").key }),
    },
    {
      ...admin,
      method: "GET",
      description: "The newest erasures, and how far each is.",
      answer: () => erasures(handles.erasing),
    },
    {
      ...{ ...admin, method: "GET", description: "How far one erasure is." },
      path: `${path}/:id`,
      metric: `${path}/:id`,
      answer: (_, context) => erasure(handles.erasing, context.req.param("id") ?? ""),
    },
  ];
}
