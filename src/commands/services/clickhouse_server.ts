/**
 * A ClickHouse-compatible server on loopback, without installing one: the ClickHouse that comes with Waymark, in a
 * process and a folder of its own, behind ClickHouse's HTTP protocol.
 */
import { mkdir } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePorts, launch, type Launched } from "./launched.ts";

export type ClickHouseServer = { process: Launched; port: number; url: string };

/** Without a port it takes a free one. */
export async function startClickHouseServer(folder: string, given?: number): Promise<ClickHouseServer> {
  const home = join(folder, "clickhouse");
  await mkdir(home, { recursive: true });
  const port = given ?? (await freePorts(1))[0]!;
  const permissions = ["--allow-net=127.0.0.1", "--allow-read", `--allow-write=${home}`];
  const native = ["--allow-ffi", "--allow-env", "--allow-sys"];
  const script = fileURLToPath(new URL("./clickhouse_process.ts", import.meta.url));
  const data = join(home, "data");
  const command = [
    Deno.execPath(),
    "run",
    "--no-prompt",
    "--no-check",
    ...permissions,
    ...native,
    script,
    data,
  ];
  const process = await launch("clickhouse", [...command, String(port)], {
    log: join(home, "clickhouse.log"),
    mark: data,
  });
  return { process, port, url: `http://127.0.0.1:${port}` };
}

export function clickHouseAnswers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const request = "GET /ping HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
    const socket = connect(port, "127.0.0.1", () => socket.write(request));
    let answer = "";
    socket.setEncoding("utf8").on("data", (text: string) => answer += text);
    socket.once("close", () => resolve(answer.includes("Ok.\n")));
    socket.once("error", () => resolve(false));
  });
}
