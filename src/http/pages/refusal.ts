/** What could not be shown, as a page: what happened, why, and what to do, in plain words. */
import { errorAnswer } from "../../../schemas/http.ts";
import { type HttpErrorCode, httpErrorCodes } from "../errors.ts";
import { place, type Slots } from "./layout.ts";
import { type Markup, markup } from "./markup.ts";
import type { PageView } from "./page.ts";

/** From an answer of a door that is not 2xx. */
export async function refusalView(response: Response): Promise<PageView> {
  const parsed = errorAnswer.safeParse(await response.json().catch(() => null));
  const { code, message } = parsed.success
    ? parsed.data.error
    : { code: "internal", message: `the answer was ${response.status}` };
  const headers = Object.fromEntries(
    keptHeaders.flatMap((name) => {
      const value = response.headers.get(name);
      return value === null ? [] : [[name, value]];
    }),
  );
  const heading = headings[code as HttpErrorCode] ?? byStatus(response.status);
  return {
    kind: "refusal",
    status: response.status,
    title: `${heading} · Waymark`,
    headers,
    parts: {
      heading: markup`${heading}`,
      reason: markup`<p class="lead">${sentence(message)}</p>
<p>${advice[code as HttpErrorCode] ?? adviceByStatus(response.status)}</p>
<p class="quiet"><code>${code}</code>${
        meaning(code)
      } Its section in <code>docs/OPERATIONS.md</code> says more.</p>`,
    },
  };
}

export const refusalBody = (slot: Slots): Markup =>
  markup`<div class="head">${place(slot, "heading", "h1")}</div>
<div class="card refusal">
${place(slot, "reason")}
<p><a href="/">To the cities</a> · <a href="/sre">To the pipeline</a></p>
</div>`;

const keptHeaders = ["www-authenticate", "retry-after", "allow"];

const headings: Partial<Record<HttpErrorCode, string>> = {
  key_missing: "A key is needed",
  key_unknown: "This key is not known here",
  key_scope: "This key may not see that",
  route_not_found: "There is nothing here",
  method_not_allowed: "That cannot be done here",
  ride_not_found: "This ride is not known",
  driver_not_found: "This driver is not known",
  city_not_found: "This city is not known",
  record_not_found: "There is no such record",
  partition_not_ready: "Not ready to answer yet",
  draining: "This node is shutting down",
  overloaded: "Too much at once",
  streams_exceeded: "Too many open pages",
  log_unavailable: "The log cannot be reached",
};

const advice: Partial<Record<HttpErrorCode, string>> = {
  key_missing: "Reload, and give any name and a read key as the password.",
  key_unknown: "Reload, and give any name and one of the configured keys as the password.",
  ride_not_found:
    "A ride is kept for an hour after its last event. Check the id letter by letter; ClickHouse keeps the raw events and the outcome of older rides.",
  driver_not_found:
    "A driver is kept for an hour after the last position. Check the id letter by letter; ClickHouse keeps older positions.",
  record_not_found:
    "Records leave the log when their topic's retention has passed; ClickHouse keeps them longer.",
  key_scope: "This page needs a key of another kind. A private window asks for one anew.",
  city_not_found: "City names are written exactly as the events say them, with the same capitals.",
  partition_not_ready:
    "The partition that knows is being restored or moves to another node. This page shows it as soon as it can; there is no need to reload.",
  draining: "Another node has taken over, or will in a moment. This page comes back by itself.",
  overloaded: "Wait a moment and reload.",
  internal: "The request's id below finds it in the messages of the process. Please report it.",
};

const byStatus = (status: number): string =>
  status >= 500 ? "That did not work" : status === 429 ? "Too many requests" : "That address is not possible";
const adviceByStatus = (status: number): string =>
  status >= 500 ? "Wait a moment and reload." : "Check the address.";

const meaning = (code: string): string =>
  Object.hasOwn(httpErrorCodes, code) ? `: ${httpErrorCodes[code as HttpErrorCode].help}.` : ".";

const sentence = (text: string): string => {
  const cut = text.slice(0, 600);
  return `${cut.slice(0, 1).toUpperCase()}${cut.slice(1)}${/[.!?]$/.test(cut) ? "" : "."}`;
};
