/** What a client wants of an address that is a page, a JSON answer and a live stream at once. */

export type Wanted = "page" | "json" | "stream";

/** A browser asks for HTML by name, and its event source for events; anything that takes whatever comes gets JSON. */
export function wantedOf(request: Request): Wanted {
  const weights = new Map<string, number>();
  for (const range of (request.headers.get("accept") ?? "").toLowerCase().split(",")) {
    const [type = "", ...parameters] = range.split(";").map((part) => part.trim());
    const given = parameters.find((parameter) => parameter.startsWith("q="))?.slice(2);
    const weight = given === undefined ? 1 : Number(given);
    if (Number.isFinite(weight)) weights.set(type, weight);
  }
  const of = (type: string) => weights.get(type) ?? 0;
  const [page, stream, json] = [of("text/html"), of("text/event-stream"), of("application/json")];
  if (stream > 0 && stream >= page && stream >= json) return "stream";
  return page > 0 && page >= json ? "page" : "json";
}

export const wantsPage = (request: Request): boolean => wantedOf(request) === "page";
