/** A real Redis on loopback, kept in memory only. */
import { mkdir } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { freePorts, launch, type Launched, runToEnd } from "./launched.ts";

export type RedisServer = { process: Launched; port: number; url: string };

const advice = "Install it (Debian: apt-get install redis-server)";

/** Without a port it takes a free one. */
export async function startRedis(folder: string, given?: number): Promise<RedisServer> {
  await runToEnd("redis-server", ["--version"], advice);
  const home = join(folder, "redis");
  await mkdir(home, { recursive: true });
  const port = given ?? (await freePorts(1))[0]!;
  // The title keeps the folder in the command line, which Redis otherwise rewrites.
  const title = `redis-server ${home}`;
  const settings = ["--port", port, "--bind", "127.0.0.1", "--dir", home, "--save", "", "--appendonly", "no"];
  const command = ["redis-server", ...settings.map(String), "--proc-title-template", title];
  const process = await launch("redis", command, { log: join(home, "redis.log"), mark: home });
  return { process, port, url: `redis://127.0.0.1:${port}` };
}

export function redisAnswers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => socket.write("PING\r\n"));
    const done = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("data", (bytes) => done(bytes.toString().startsWith("+PONG")));
    socket.once("error", () => done(false));
  });
}
