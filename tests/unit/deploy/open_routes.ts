/** The routes by scope, out of the table that the doors are made from. Nothing of it is asked to answer. */
import { type Route, type RouteNeeds, routes } from "../../../src/http/routes.ts";

const table = (): Route[] => routes({ assets: new Map() } as unknown as RouteNeeds);

export const openRoutes = (): string[] => pathsOf("open");
export const readRoutes = (): string[] => pathsOf("read");

const pathsOf = (scope: Route["scope"]) =>
  table().filter((route) => route.method === "GET" && route.scope === scope).map(({ path }) => path);
