/**
 * Several services over one log and one store, each behind a server of its own, as processes of one fleet are.
 *
 * Leaves out: processes. The log is the twin in memory, whose members have no addresses: each node's log adds those
 * of all, as a broker would have been told them.
 */
import { freePorts } from "../../src/commands/services/launched.ts";
import type { Config } from "../../src/config.ts";
import { createApp } from "../../src/http/app.ts";
import { keysOf } from "../../src/http/auth.ts";
import { type Server, startServer } from "../../src/http/serve.ts";
import { type MemoryLog, memoryLog } from "../../src/log/memory.ts";
import type { Log } from "../../src/log/port.ts";
import { type Service, startService } from "../../src/node/service.ts";
import { memorySnapshots } from "../../src/snapshots/memory.ts";
import { createSignals } from "../../src/telemetry/signals.ts";
import { systemClock } from "../../src/time.ts";
import { eventually } from "../conformance/eventually.ts";
import { hostsOf } from "./harness.ts";
import { quick } from "./quick.ts";

export type Node = {
  name: string;
  url: string;
  service: Service;
  /** Requests that arrived at its server. */
  requests(): number;
  get(path: string, headers?: Record<string, string>): Promise<Response>;
  /** The server alone: the process goes on holding its partitions. */
  unplug(): Promise<void>;
  /** In order, as a signal does it. */
  drain(): Promise<void>;
  /** As a killed process: the group expels it, nothing is given back. */
  kill(): Promise<void>;
};

export type Nodes = AsyncDisposable & {
  log: MemoryLog;
  nodes: Node[];
  start(name: string): Promise<Node>;
  /** All partitions run, on all nodes that there are enough for, and everything in the log is folded. */
  settled(): Promise<void>;
  /** Everything that the processes said. */
  said: string[];
};

export async function startNodes(names: readonly string[], given: Partial<Config> = {}): Promise<Nodes> {
  const config = { ...quick, WAYMARK_CLICKHOUSE: "off" as const, ...given };
  const log = memoryLog({ clock: systemClock });
  const store = memorySnapshots();
  const addresses = new Map<string, string>();
  const said: string[] = [];
  const nodes: Node[] = [];

  const logAt = (address: string): Log => ({
    ...log,
    async join(options) {
      const membership = await log.join(options);
      addresses.set(membership.memberId, address);
      return membership;
    },
    async members(group) {
      const members = await log.members(group);
      return members.map((member) => ({ ...member, address: addresses.get(member.memberId) ?? null }));
    },
  });

  async function start(name: string): Promise<Node> {
    const [port] = await freePorts(1) as [number];
    const url = `http://127.0.0.1:${port}`;
    const service = await startService({
      config,
      clock: systemClock,
      signals: createSignals(systemClock, "text", (line) => said.push(line)),
      address: url,
      node: name,
      parts: { log: logAt(url), store, housekeep: async () => {}, close: async () => {} },
    });
    const app = createApp({ handles: service.handles, config: keysOf(config), clock: systemClock });
    let arrived = 0;
    const { fetch: answer } = app.hono;
    app.hono.fetch = (request, ...rest) => (arrived++, answer(request, ...rest));
    const server: Server = await startServer({ app, host: "127.0.0.1", port, clock: systemClock });
    const gone = () => void nodes.splice(nodes.indexOf(node), nodes.includes(node) ? 1 : 0);
    const node: Node = {
      ...{ name, url, service },
      requests: () => arrived,
      get: (path, headers = {}) => fetch(`${url}${path}`, { headers }),
      unplug: async () => void await server.stop(0),
      async drain() {
        await server.stop(0);
        await service.drain();
        gone();
      },
      async kill() {
        service.pipeline.abandon();
        for (const host of hostsOf(service.pipeline)) log.expel(host.memberId);
        await server.stop(0);
        gone();
      },
    };
    nodes.push(node);
    return node;
  }

  for (const name of names) await start(name);
  return {
    log,
    nodes,
    start,
    said,
    settled: () => eventually("all partitions run and are at the log's end", () => isSettled(log, nodes)),
    async [Symbol.asyncDispose]() {
      for (const node of [...nodes]) await node.drain();
      await log.close();
    },
  };
}

async function isSettled(log: Log, nodes: readonly Node[]): Promise<boolean> {
  const hosts = nodes.flatMap(({ service }) => hostsOf(service.pipeline));
  const running = hosts.flatMap((host) =>
    [...host.actors.values()].filter((actor) => !host.isBehind(actor.tp.partition))
  );
  const first = nodes[0]!.service;
  const count = Object.values(["ride-events", "driver-locations", "city-partials"] as const)
    .reduce((sum, topic) => sum + first.pipeline.context.partitions[topic], 0);
  if (running.length !== count) return false;
  // Who has just come is given some in the next round of the group: until then the others run all.
  const idle = nodes.filter(({ service }) =>
    hostsOf(service.pipeline).every((host) => host.actors.size === 0)
  );
  if (idle.length > Math.max(0, nodes.length - first.pipeline.context.partitions["ride-events"])) {
    return false;
  }
  for (const { tp, nextOffset } of running) {
    if ((await log.bounds(tp.topic))[tp.partition]!.end !== nextOffset) return false;
  }
  return true;
}
