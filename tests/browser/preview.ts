/**
 * The pages over the twin, with eight cities whose figures move: for looking at them while working on them.
 *
 *   node_modules/.bin/deno run -A tests/browser/preview.ts [port] [empty]
 */
import { createApp } from "../../src/http/app.ts";
import { startServer } from "../../src/http/serve.ts";
import { systemClock } from "../../src/time.ts";
import { createTwin } from "../unit/http/twin.ts";
import { createWorld } from "./world.ts";

const [port = "8090", empty] = Deno.args;
const clock = systemClock;
const twin = await createTwin(clock);
const app = createApp({ handles: twin.handles, config: { ingestKeys: [], readKeys: [] }, clock });
const server = await startServer({ app, host: "127.0.0.1", port: Number(port), clock });
console.log(server.url);
if (empty === undefined) {
  const world = await createWorld(twin, clock.nowMs());
  for (;;) {
    await world.go(clock.nowMs());
    await clock.sleep(700);
  }
}
