/** Networks between the processes and one service, each a set of proxies, poisoned and healed. */
import { startTcpProxy, type TcpProxy } from "../services/tcp_proxy.ts";
import type { Toxic } from "./schedule.ts";

export type Network = {
  /** By way of which processes, or brokers, are reached. */
  ports: number[];
  /** Poisons all ways or, half of the time, one of them; says what it did. `draw` decides. */
  poison(toxic: Toxic, draw: number): string;
  heal(): void;
  close(): Promise<void>;
};

const latenciesMs = [50, 200, 600];
const narrowBytesPerSecond = 50_000;

export async function openNetwork(ways: { to: number; port?: number; name: string }[]): Promise<Network> {
  const proxies = await Promise.all(ways.map((way) => startTcpProxy(way)));
  let cutAfterwards: TcpProxy[] = [];

  return {
    ports: proxies.map((proxy) => proxy.port),
    poison(toxic, draw) {
      const one = Math.floor(2 * draw * proxies.length);
      const struck = proxies.length > 1 && one < proxies.length ? [proxies[one]!] : proxies;
      const said = struck.length === proxies.length ? "all ways" : ways[one]!.name;
      /** Evenly distributed too, and of another choice. */
      const further = (draw * 1_009) % 1;
      const shown = strike(struck, { toxic, draw: further });
      if (toxic === "drop") cutAfterwards = struck;
      return `${said}${shown === "" ? "" : `, ${shown}`}`;
    },
    heal() {
      // A connection out of which bytes are missing is of no use to anybody: no real one goes on after that.
      for (const proxy of cutAfterwards) proxy.set("reset");
      cutAfterwards = [];
      for (const proxy of proxies) proxy.set("pass");
    },
    close: async () => void await Promise.all(proxies.map((proxy) => proxy.close())),
  };
}

function strike(proxies: readonly TcpProxy[], { toxic, draw }: { toxic: Toxic; draw: number }): string {
  if (toxic === "half_open") {
    const connections = proxies.flatMap((proxy) => proxy.connections());
    for (const connection of connections) connection.set("half_open");
    return `${connections.length} connections`;
  }
  const latencyMs = latenciesMs[Math.floor(draw * latenciesMs.length)]!;
  const mode = ({
    latency: { latencyMs },
    drop: draw < 0.5 ? "drop_to_server" : "drop_to_client",
    cut: "hold",
    reset: "reset",
    slow: { bytesPerSecond: narrowBytesPerSecond },
  } as const)[toxic];
  for (const proxy of proxies) proxy.set(mode);
  return toxic === "latency"
    ? `${latencyMs} ms`
    : toxic === "drop"
    ? draw < 0.5 ? "requests" : "answers"
    : "";
}
