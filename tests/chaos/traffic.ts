/** City traffic into Kafka for as long as a run lasts, and the ledger of what Kafka has acknowledged of it. */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import type { Bed } from "./bed.ts";
import { commandLine, until } from "./workers.ts";

export type Sent = {
  /** Records by topic. */
  acknowledged: Record<string, number>;
  /** Of appends that were not answered and made again: they may be there twice. */
  repeated: number;
  /** Never answered: they may be there. */
  unanswered: number;
};

export type Traffic = {
  end(): Promise<Sent>;
  /** Where the run ends before its time. */
  kill(): void;
};

export type TrafficOptions = { folder: string; rate: string; seed: number; positions: string };

/** A rate that goes on for weeks: it is ended, never over. */
const eventsMax = "1000000000";

export function startTraffic(bed: Bed, { folder, rate, seed, positions }: TrafficOptions): Traffic {
  const ledger = join(folder, "traffic.json");
  const path = join(folder, "traffic.txt");
  const oddities =
    "--duplicates 0.02 --disorder 0.05 --late 0.005 --poison 0.0005 --without-city 0.3 --without-event-id 0.3";
  const options = [
    "--rate",
    rate,
    "--seed",
    String(seed),
    "--positions",
    positions,
    "--events",
    eventsMax,
    "--ledger",
    ledger,
  ];
  const { program, args, cwd } = commandLine([
    "traffic",
    "--to",
    "kafka",
    ...options,
    ...oddities.split(" "),
  ]);
  const output = openSync(path, "w");
  const child: ChildProcess = spawn(program, args, {
    cwd,
    env: { ...Deno.env.toObject(), ...bed.variables, NO_COLOR: "1" },
    stdio: ["ignore", output, output],
  });
  closeSync(output);
  let code: number | string | null = null;
  child.once("exit", (ended, signal) => code = signal ?? ended);

  return {
    kill: () => void (code === null && process.kill(child.pid!, "SIGKILL")),
    async end() {
      if (code !== null) {
        throw new Error(`traffic ended by itself with ${code}: ${await readFile(path, "utf8")}`);
      }
      process.kill(child.pid!, "SIGTERM");
      await until("traffic has ended", async () => code !== null, 60_000);
      const told = JSON.parse(await readFile(ledger, "utf8")) as {
        topics: Record<string, { sent: number }>;
        repeated: number;
        unanswered: number;
      };
      const acknowledged = Object.fromEntries(
        Object.entries(told.topics).map(([topic, { sent }]) => [topic, sent]),
      );
      return { acknowledged, repeated: told.repeated, unanswered: told.unanswered };
    },
  };
}
