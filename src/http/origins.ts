/**
 * Pages of other hosts. A browser lets them read nothing here unless the origin is one of WAYMARK_CORS_ORIGINS, which
 * is nobody by default. It would let them post, with whatever it knows of the user: so what changes anything is
 * refused to every page that is neither our own nor of an allowed origin. Programs send no Origin and are not asked.
 */
import { cors } from "hono/cors";
import type { MiddlewareHandler } from "hono";
import { refuse, type Refused } from "./errors.ts";

/** Null when the request comes from no page, our own, or an allowed one. */
export function refuseForeign(request: Request, allowed: readonly string[]): Refused | null {
  const origin = request.headers.get("origin");
  if (origin === null || request.method === "GET" || request.method === "HEAD") return null;
  const site = request.headers.get("sec-fetch-site");
  const own = site === null ? hostOf(origin) === request.headers.get("host") : site === "same-origin";
  if (own || allowed.includes(origin)) return null;
  const message = "the page that sent this is of another host; allowed: those of WAYMARK_CORS_ORIGINS";
  return refuse("origin_refused", message, { field: "origin" });
}

const hostOf = (origin: string): string | null => URL.canParse(origin) ? new URL(origin).host : null;

/** Answers preflights, and lets pages of these origins read answers. Keys go in a header; cookies there are none. */
export const corsFor = (origins: readonly string[]): MiddlewareHandler =>
  cors({
    origin: (origin) => origins.includes(origin) ? origin : null,
    allowMethods: ["GET", "HEAD", "POST", "DELETE"],
    allowHeaders: ["authorization", "content-type", "content-encoding", "last-event-id", "x-request-id"],
    exposeHeaders: ["retry-after", "x-request-id"],
    maxAge: 600,
  });
