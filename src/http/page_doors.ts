/**
 * One address, three answers: a page for a browser, server-sent events for a page that is open, JSON for a program.
 *
 *   GET /rides/R   Accept: text/html ─► page · text/event-stream ─► what changes on it · else ─► as /v1/rides/R
 *
 * A page is made from the same answer a program gets, so the two cannot differ.
 */
import { wantedOf } from "./accept.ts";
import type { Assets } from "./assets.ts";
import type { Handles } from "./handles.ts";
import type { LivePages } from "./live.ts";
import { docsBody } from "./pages/docs.ts";
import { type PageFacts, pageResponse, type Slots } from "./pages/layout.ts";
import type { Markup } from "./pages/markup.ts";
import { operationsBody } from "./pages/operations.ts";
import { pipelineBody } from "./pages/pipeline.ts";
import type { PageKind, PageView } from "./pages/page.ts";
import { cityBody } from "./pages/city.ts";
import { driverBody } from "./pages/driver.ts";
import { rideBody } from "./pages/ride.ts";
import { recordBody } from "./pages/record.ts";
import { refusalBody, refusalView } from "./pages/refusal.ts";

export type PageNeeds = { handles: Handles; live: LivePages; assets: Assets };

export type PageDoor = {
  view(): Promise<PageView>;
  json(): Response | Promise<Response>;
  /** It never changes: an open page is told nothing. */
  still?: true;
};

export async function pageAnswer(
  { handles, live, assets }: PageNeeds,
  { request, url }: { request: Request; url: URL },
  door: PageDoor,
): Promise<Response> {
  const wanted = wantedOf(request);
  if (wanted === "stream" && !door.still) return await live.open(request, url, door.view);
  if (wanted === "page") return rendered(await door.view(), { handles, assets }, !door.still);
  const answer = await door.json();
  answer.headers.append("vary", "accept");
  return answer;
}

/** A refusal that is not one of a page, as a page. It stays as it is: nothing tells of a change. */
export async function refusalPage(refused: Response, needs: Omit<PageNeeds, "live">): Promise<Response> {
  return rendered(await refusalView(refused), needs, false);
}

/** The page of an answer in JSON: what it shows, or why there is nothing to show. */
export async function viewOf<T>(answer: Response, show: (content: T) => PageView): Promise<PageView> {
  return answer.ok ? show(await answer.json() as T) : await refusalView(answer);
}

const bodies: Record<PageKind, (slot: Slots) => Markup> = {
  operations: operationsBody,
  pipeline: pipelineBody,
  city: cityBody,
  ride: rideBody,
  driver: driverBody,
  record: recordBody,
  docs: docsBody,
  refusal: refusalBody,
};

function rendered(
  view: PageView,
  { handles, assets }: Omit<PageNeeds, "live">,
  isLive: boolean,
): Response {
  const { node, version } = handles;
  const facts: PageFacts = { assets, node, version, nowMs: handles.nowMs(), isLive };
  return pageResponse(view, bodies[view.kind], facts);
}
