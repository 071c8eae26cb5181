/** `/openapi.json` and `/docs`: how the doors describe themselves. Open: they tell nothing of an installation. */
import { type OpenApi, openApiOf } from "./openapi.ts";
import { pageAnswer } from "./page_doors.ts";
import { docsPage } from "./pages/docs.ts";
import type { Route, RouteNeeds } from "./routes.ts";

/** `others`: the rest of the table. */
export function descriptionRoutes(needs: RouteNeeds, others: readonly Route[]): Route[] {
  let made: OpenApi | null = null;
  const description = () => made ??= openApiOf([...others, ...table], needs.handles.version);
  const json = () => Response.json(description(), { headers: { "cache-control": "public, max-age=300" } });
  const common = { method: "GET", scope: "open", query: null } as const;
  const table: Route[] = [
    {
      ...{ ...common, path: "/openapi.json", metric: "/openapi.json" },
      description: "The description of this interface, for programs.",
      answer: json,
    },
    {
      ...{ ...common, path: "/docs", metric: "/docs" },
      description: "The description of this interface, to be read.",
      answer: (request, _, url) =>
        pageAnswer(needs, { request, url }, {
          view: () => Promise.resolve(docsPage(description(), url.origin)),
          json,
          still: true,
        }),
    },
  ];
  return table;
}
