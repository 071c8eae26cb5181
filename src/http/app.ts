/**
 * The HTTP application: every route behind the same gate.
 *
 *   request ─► id, security headers ─► key ─► its rate ─► query parameters ─► cap ─► the route's answer ─► counted
 *
 * Bad input never becomes a 500: what can be wrong with a request is a refusal with a code (errors.ts).
 */
import { Hono } from "hono";
import type { Clock } from "../time.ts";
import { metrics } from "../telemetry/metrics.ts";
import { type AccessLogOptions, createAccessLog, type RequestFacts, type Served } from "./access_log.ts";
import { readAssets } from "./assets.ts";
import { createGate, type Keys } from "./auth.ts";
import { createBodyReader } from "./body.ts";
import { type DoorBounds, doorBounds } from "./bounds.ts";
import { refusalResponse, refuse, thrownResponse } from "./errors.ts";
import type { Handles } from "./handles.ts";
import { createMask } from "./mask.ts";
import { corsFor, refuseForeign } from "./origins.ts";
import { strayParameter } from "./query.ts";
import { wantsPage } from "./accept.ts";
import { createEventClients } from "./event_clients.ts";
import { createLivePages } from "./live.ts";
import { refusalPage } from "./page_doors.ts";
import { createRateLimits, noRates, type Rates } from "./rate_limits.ts";
import { type DoorContext, type DoorEnvironment, type Route, routes } from "./routes.ts";
import { createStreams } from "./stream.ts";
import type { UnmaskedRead } from "./unmasked.ts";

export type AppOptions = {
  handles: Handles;
  config: Keys;
  clock: Clock;
  /** How fast keys and rides may be; without, any speed. */
  rates?: Rates;
  /** Narrower bounds, for tests. */
  bounds?: Partial<DoorBounds>;
  /** Of the hash that stands for riders' ids; the same on all nodes. */
  maskKey?: string;
  /** Told of every read that was not masked. */
  audit?: (read: UnmaskedRead) => void;
  /** Origins whose pages may read and post; none by default. */
  corsOrigins?: readonly string[];
  /** Told of requests, or of some (access_log.ts); without, of none. */
  access?: Pick<AccessLogOptions, "every" | "write">;
  /** Told of every defect, with the request's id. */
  defect?: (thrown: unknown, requestId: string) => void;
};

export type App = {
  hono: Hono<DoorEnvironment>;
  routes: readonly Route[];
  bounds: DoorBounds;
  /** To be told of every answer that was sent. */
  served(facts: RequestFacts, served: Served): void;
  /** Ends the live streams; the other routes go on answering. */
  close(): Promise<void>;
};

export function createApp({ handles, config, clock, defect, audit, ...given }: AppOptions): App {
  const bounds: DoorBounds = { ...doorBounds, ...given.bounds };
  const gate = createGate(config, clock);
  let inHand = 0;
  const readBody = createBodyReader({ clock, bounds, awaited: (change) => void (inHand -= change) });
  const limits = createRateLimits(given.rates ?? noRates, { clock, bounds });
  const clients = createEventClients({ handles, bounds });
  const streams = createStreams({ handles, clock, bounds, clients });
  const assets = readAssets();
  const policy = contentPolicy(assets.styleSources);
  const live = createLivePages({ handles, clock, bounds, clients, release: assets.release });
  const ingestNeedsKey = config.ingestKeys.length > 0;
  const shows = { mask: createMask(given.maskKey ?? ""), audit: audit ?? (() => undefined) };
  const hasAdminKeys = (config.adminKeys ?? []).length > 0;
  const facts = { ingestNeedsKey, hasAdminKeys };
  const needs = { handles, clock, bounds, readBody, limits, streams, live, assets, shows, ...facts };
  const table = routes(needs);
  const { corsOrigins = [], access = { every: null, write: () => undefined } } = given;
  const served = createAccessLog({ clock, linesMax: bounds.accessLinesMax, ...access });
  const app = new Hono<DoorEnvironment>();
  const run = clock.nowMs().toString(36);
  let requests = 0;

  app.use("*", async (context, next) => {
    const id = requestId(context.req.header("x-request-id")) ?? `${run}-${(++requests).toString(36)}`;
    context.set("requestId", id);
    // Asked without a server there is no environment at all.
    const facts = (context.env as DoorEnvironment["Bindings"] | undefined)?.facts;
    if (facts !== undefined) facts.requestId = id;
    await next();
    const headers = context.res.headers;
    headers.set("x-request-id", id);
    for (const [name, value] of securityHeaders) headers.set(name, value);
    headers.set("content-security-policy", policy);
    if (!headers.has("cache-control")) headers.set("cache-control", "no-store");
  });

  if (corsOrigins.length > 0) app.use("*", corsFor(corsOrigins));

  const guarded = (route: Route) => async (context: DoorContext): Promise<Response> => {
    const request = context.req.raw;
    const foreign = refuseForeign(request, corsOrigins);
    if (foreign !== null) return turnedAway(request, refusalResponse(foreign));
    const passed = gate(route.scope, request);
    if (!passed.ok) return turnedAway(request, refusalResponse(passed));
    context.set("caller", passed);
    if (context.env?.facts !== undefined) context.env.facts.key = passed.key;
    const limited = route.scope === "open" ? null : limits.request(passed.key);
    if (limited !== null) return turnedAway(request, refusalResponse(limited));
    const url = new URL(request.url);
    const stray = route.query === null ? null : strayParameter(url, route.query);
    if (stray !== null) return turnedAway(request, refusalResponse(stray));
    if (inHand >= bounds.requestsMax && route.scope !== "open") {
      const message = `${bounds.requestsMax} requests are in hand already; try again`;
      return turnedAway(request, refusalResponse(refuse("overloaded", message)));
    }
    inHand++;
    try {
      return await route.answer(request, context, url);
    } finally {
      inHand--;
    }
  };

  const counted =
    (metric: string, answer: (context: DoorContext) => Response | Promise<Response>) =>
    async (context: DoorContext): Promise<Response> => {
      if (context.env?.facts !== undefined) context.env.facts.route = metric;
      let response: Response;
      try {
        response = await answer(context);
      } catch (thrown) {
        const id = context.get("requestId");
        response = thrownResponse(thrown, id);
        if (response.status === 500) defect?.(thrown, id);
      }
      metrics.requests.inc({ route: metric, status: String(response.status) });
      return isForPeople(context.req.raw, response)
        ? await refusalPage(response, { handles, assets })
        : response;
    };

  for (const route of table) app.on(route.method, route.path, counted(route.metric, guarded(route)));
  for (const [path, methods] of methodsByPath(table)) {
    app.all(
      path,
      counted(path, (context) =>
        turnedAway(
          context.req.raw,
          refusalResponse(
            refuse("method_not_allowed", `${context.req.method} is not allowed here; allowed: ${methods}`, {
              headers: { allow: methods },
            }),
          ),
        )),
    );
  }
  app.notFound(counted("unmatched", (context) => {
    const message = `there is nothing at ${context.req.path.slice(0, 200)}`;
    return turnedAway(context.req.raw, refusalResponse(refuse("route_not_found", message)));
  }));

  return {
    hono: app,
    routes: table,
    bounds,
    served,
    async close() {
      clients.close();
      await Promise.all([streams.close(), live.close()]);
    },
  };
}

/** A refusal that a person is about to read. Below /v1 programs ask, whatever they say they accept. */
function isForPeople(request: Request, response: Response): boolean {
  return response.status >= 400 && wantsPage(request) && !new URL(request.url).pathname.startsWith("/v1/") &&
    (response.headers.get("content-type") ?? "").startsWith("application/json");
}

/** A body that will not be read is let go of, so that the connection does not wait for it. */
function turnedAway(request: Request, response: Response): Response {
  if (request.body !== null && !request.bodyUsed) request.body.cancel().catch(() => undefined);
  return response;
}

function methodsByPath(table: readonly Route[]): Map<string, string> {
  const methods = new Map<string, string[]>();
  for (const { path, method } of table) {
    const known = methods.get(path) ?? [];
    methods.set(path, method === "GET" ? [...known, "GET", "HEAD"] : [...known, method]);
  }
  return new Map([...methods].map(([path, known]) => [path, known.join(", ")]));
}

/** A caller's own id is kept when it is harmless to write down. */
function requestId(given: string | undefined): string | null {
  return given !== undefined && /^[A-Za-z0-9._-]{1,64}$/.test(given) ? given : null;
}

/** Nothing from elsewhere, nothing inline but our style sheets, in nobody's frame. */
const contentPolicy = (styleSources: readonly string[]): string =>
  `default-src 'none'; script-src 'self'; style-src ${styleSources.join(" ")}; img-src 'self'; ` +
  "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

const securityHeaders: readonly (readonly [name: string, value: string])[] = [
  ["x-content-type-options", "nosniff"],
  ["x-frame-options", "DENY"],
  ["referrer-policy", "no-referrer"],
  ["cross-origin-resource-policy", "same-origin"],
  ["cross-origin-opener-policy", "same-origin"],
];
