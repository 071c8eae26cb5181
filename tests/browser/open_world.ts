/** The world behind a real port: an application over the twin, which can be taken away and put back. */
import { freePorts } from "../../src/commands/services/launched.ts";
import { createApp } from "../../src/http/app.ts";
import type { Keys } from "../../src/http/auth.ts";
import { type Server, startServer } from "../../src/http/serve.ts";
import { systemClock } from "../../src/time.ts";
import { createTwin, type Twin } from "../unit/http/twin.ts";
import { createWorld } from "./world.ts";

export type OpenWorld = {
  twin: Twin;
  url: string;
  /** Brings the world to this moment. */
  go(): Promise<void>;
  /** Takes the doors away, as a process that ends. */
  leave(): Promise<void>;
  /** Puts new doors at the same address, as a process that was started again. */
  comeBack(): Promise<void>;
  close(): Promise<void>;
};

/** Without `config` there are no keys: every door is open. */
export async function openWorld(config: Keys = { ingestKeys: [], readKeys: [] }): Promise<OpenWorld> {
  const clock = systemClock;
  const twin = await createTwin(clock);
  const world = await createWorld(twin, clock.nowMs());
  await world.go(clock.nowMs());
  const open = async (port: number): Promise<Server> => {
    const app = createApp({ handles: twin.handles, config, clock });
    return await startServer({ app, host: "127.0.0.1", port, clock });
  };
  const [freePort] = await freePorts(1) as [number];
  let server = await open(freePort);
  const { port, url } = server;
  return {
    twin,
    url,
    go: () => world.go(clock.nowMs()),
    leave: async () => void await server.stop(100),
    comeBack: async () => void (server = await open(port)),
    async close() {
      await server.stop(100);
      await twin.board.stop();
    },
  };
}
