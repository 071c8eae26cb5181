/** The addresses that people open, and the files their pages are made of. */
import { operationsView } from "./pages/operations.ts";
import { actingOf } from "./pages/acting.ts";
import { pipelinePage } from "./pages/pipeline.ts";
import { pipelineView } from "./pipeline_view.ts";
import type { DriverView, RideView } from "./handles.ts";
import { type CityView, cityWanted, createCityView } from "./city_view.ts";
import { cityPage } from "./pages/city.ts";
import { driverPage } from "./pages/driver.ts";
import { ridePage } from "./pages/ride.ts";
import { recordPage } from "./pages/record.ts";
import { pageAnswer, type PageDoor, viewOf } from "./page_doors.ts";
import { recordAnswer, type RecordPlace } from "./record_door.ts";
import { findAnswer } from "./find_door.ts";
import { refusalResponse, refuse } from "./errors.ts";
import type { DoorContext, Route, RouteNeeds } from "./routes.ts";
import * as state from "./state_doors.ts";
import { type Caller, showing } from "./unmasked.ts";

const placeOf = (context: DoorContext): RecordPlace => {
  const { topic = "", partition = "", offset = "" } = context.req.param();
  return { topic, partition, offset };
};

/** To a page of ours, wherever the link that led here wanted to go. */
function backTo(url: URL): Response {
  const to = URL.parse(url.searchParams.get("to") ?? "/", url.origin);
  const location = to?.origin === url.origin ? `${to.pathname}${to.search}` : "/";
  // A path with two slashes in front would name a host.
  return new Response(null, { status: 303, headers: { location: location.replace(/^\/+/, "/") } });
}

type Asked = { request: Request; context: DoorContext; url: URL };

/** `others`: the rest of the table, which a program is told of at `/`. */
export function pageRoutes(needs: RouteNeeds, others: readonly Route[]): Route[] {
  const { handles, assets, shows } = needs;
  /** For one opening of a page: what it shows unmasked is told once, however often it is made anew meanwhile. */
  const askedIn = (
    { request, context }: Pick<Asked, "request" | "context">,
    caller: Caller = context.get("caller"),
  ): state.Asked => {
    const requestId = context.get("requestId");
    let told = false;
    const audit: typeof shows.audit = (read) => {
      if (!told) shows.audit(read);
      told = true;
    };
    return {
      request,
      requestId,
      show: (route, asked) => showing({ mask: shows.mask, audit }, caller, { route, asked, requestId }),
    };
  };
  const record = (request: Request, context: DoorContext): Promise<Response> => {
    const place = placeOf(context);
    const { show } = askedIn({ request, context });
    const asked = `${place.topic}/${place.partition}/${place.offset}`;
    return recordAnswer(handles, place, (record) => show("/v1/records", asked).record([record]));
  };
  const page = (
    path: string,
    description: string,
    door: (asked: Asked) => PageDoor,
    scope: Route["scope"] = "read",
  ): Route => ({
    method: "GET",
    path,
    scope,
    description,
    metric: path,
    query: null,
    answer(request, context, url) {
      const asked = { request, context, url };
      return pageAnswer(needs, asked, door(asked));
    },
  });
  const table: Route[] = [
    page("/", "The operations page; for programs, the routes.", ({ url }) => ({
      async view() {
        await handles.fleet?.refresh(state.pageAgeMsMax);
        return operationsView(handles, { origin: url.origin, ingestNeedsKey: needs.ingestNeedsKey });
      },
      json: () =>
        Response.json({
          name: "waymark",
          version: handles.version,
          node: handles.node,
          routes: [...others, ...table].filter((r) => r.scope !== "open").map((r) => `${r.method} ${r.path}`),
        }),
    })),
    page(
      "/sre",
      "The pipeline: what is at fault, and the worst of every measure.",
      ({ request, context, url }) => ({
        view: async () =>
          pipelinePage(await pipelineView(handles, request), actingOf(needs, context.get("caller"), url)),
        json: async () => Response.json(await pipelineView(handles, request)),
      }),
    ),
    page("/cities/:city", "One city: its windows, cells, last cancelled rides and alerts.", (opened) => {
      const { context, url } = opened;
      const acting = actingOf(needs, context.get("caller"), url);
      const asked = cityWanted(context.req.param("city") ?? "", url);
      const view = asked.ok
        ? createCityView(handles, asked.wanted, askedIn(opened).show("/cities/:city", asked.wanted.city))
        : () => Promise.resolve(asked);
      const answer = async () => {
        const made = await view();
        return "ok" in made ? refusalResponse(made) : Response.json(made);
      };
      return {
        view: async () => viewOf<CityView>(await answer(), (city) => cityPage(city, acting)),
        json: answer,
      };
    }),
    page("/rides/:id", "One ride: its state, history, timers and refusals.", (opened) => {
      const [id, asked] = [opened.context.req.param("id") ?? "", askedIn(opened)];
      const answer = () => state.ride(handles, id, asked);
      return {
        view: async () => viewOf<RideView>(await answer(), (ride) => ridePage(ride, handles.nowMs())),
        json: answer,
      };
    }),
    page("/drivers/:id", "One driver: its state, where it was, and refusals.", (opened) => {
      const [id, asked] = [opened.context.req.param("id") ?? "", askedIn(opened)];
      const answer = () => state.driver(handles, id, asked);
      return {
        view: async () => viewOf<DriverView>(await answer(), (driver) => driverPage(driver, handles.nowMs())),
        json: answer,
      };
    }),
    page("/records/:topic/:partition/:offset", "A record of the log, as it is.", ({ request, context }) => {
      const answer = () => record(request, context);
      return { view: async () => viewOf(await answer(), recordPage), json: answer, still: true };
    }, "admin"),
    {
      method: "GET",
      path: "/v1/records/:topic/:partition/:offset",
      scope: "admin",
      description: "A record of the log, as it is.",
      metric: "/v1/records/:topic/:partition/:offset",
      query: [],
      answer: (request, context) => record(request, context),
    },
    {
      method: "GET",
      path: "/signin",
      scope: "admin",
      description: "Has a browser ask for an admin key, and leads back to the page.",
      metric: "/signin",
      query: ["to"],
      answer: (_request, _context, url) => backTo(url),
    },
    {
      method: "GET",
      path: "/find",
      scope: "read",
      description: "Leads to the page of the ride, driver or city that is called so.",
      metric: "/find",
      query: ["q"],
      answer: (request, context, url) =>
        findAnswer(handles, url, askedIn({ request, context }, { sees: "masked", key: null })),
    },
    {
      method: "GET",
      path: "/assets/:release/:file",
      scope: "open",
      description: "A file of the pages.",
      metric: "/assets",
      query: null,
      answer(request, context) {
        const { release = "", file = "" } = context.req.param();
        return assets.answer(release, file, request) ??
          refusalResponse(refuse("route_not_found", `the pages have no file ${file.slice(0, 80)}`));
      },
    },
  ];
  return table;
}
