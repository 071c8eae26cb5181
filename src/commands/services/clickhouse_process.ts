/**
 * A ClickHouse-compatible server as a process of its own: ClickHouse in process behind the door, with everything
 * allowed. Begun by clickhouse_server.ts, not by people:
 *
 *   deno run … clickhouse_process.ts FOLDER PORT
 *
 * Runs until SIGTERM or SIGINT. It listens on loopback only: whoever reaches it may do anything.
 */
import { openDoor } from "../../clickhouse_door/door.ts";
import { systemClock } from "../../time.ts";

const [path, port] = Deno.args;
if (path === undefined || port === undefined) {
  console.error("usage: clickhouse_process.ts FOLDER PORT");
  Deno.exit(2);
}
const door = await openDoor({
  path,
  host: "127.0.0.1",
  port: Number(port),
  access: "all",
  keys: [],
  clock: systemClock,
});
console.log(`listening on ${door.url}`);
const told = Promise.withResolvers<void>();
for (const name of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(name, told.resolve);
await told.promise;
await door.stop();
Deno.exit(0);
