/**
 * Writes schemas/openapi/<version>.json: how the doors of this release describe themselves. To be run for a release;
 * tests/unit/http/openapi_test.ts compares what is described now with the newest one. `deno run -A
 * scripts/write-description.ts`.
 */
import { openApiOf } from "../src/http/openapi.ts";
import { type RouteNeeds, routes } from "../src/http/routes.ts";
import { version } from "../src/node/version.ts";

/** The table is made from its needs, but nothing of it is asked to answer. */
export const describedNow = () => openApiOf(routes({ assets: new Map() } as unknown as RouteNeeds), version);

if (import.meta.main) {
  const folder = new URL("../schemas/openapi/", import.meta.url);
  await Deno.mkdir(folder, { recursive: true });
  await Deno.writeTextFile(
    new URL(`${version}.json`, folder),
    `${JSON.stringify(describedNow(), null, 2)}\n`,
  );
}
