/** What the README begins with, as a person starts it: the demo, with a scenario, and what its page and doors say. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { eventually } from "../conformance/eventually.ts";

type Partition = { topic: string; partition: number; position: number; idle: boolean };

let folder: string;
let child: Deno.ChildProcess;
let said = "";
let url = "";

const get = async <T>(path: string): Promise<T> => await (await fetch(`${url}${path}`)).json();
const rides = async (): Promise<Partition[]> =>
  (await get<{ partitions: Partition[] }>("/v1/partitions")).partitions
    .filter(({ topic }) => topic === "ride-events").sort((a, b) => a.partition - b.partition);

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "waymark-demo-"));
  const own = Object.entries(Deno.env.toObject()).filter(([name]) =>
    ["PATH", "HOME", "DENO_DIR"].includes(name)
  );
  child = new Deno.Command(Deno.execPath(), {
    args: [
      ...[
        "run",
        "--no-check",
        "--allow-all",
        "src/main.ts",
        "demo",
        "--rate",
        "12000/min",
        "--positions",
        "0.9",
      ],
      ...["--scenario", "silent-partition", "--scenario-partition", "1", "--scenario-after", "0s"],
    ],
    clearEnv: true,
    env: {
      ...Object.fromEntries(own),
      WAYMARK_PORT: "0",
      WAYMARK_DATA_DIR: join(folder, "data"),
      NO_COLOR: "1",
    },
    stdout: "piped",
    stderr: "null",
  }).spawn();
  void (async () => {
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) said += text;
  })();
  await eventually("the demo listens", () => /listening on (\S+)\//.test(said), 180_000);
  url = /listening on (\S+)\//.exec(said)![1]!;
});
after(async () => await rm(folder, { recursive: true, force: true }));

describe("the demo", () => {
  it("shows eight cities with closed windows at once, on its page and at its doors", async () => {
    type Cities = { cities: { city: string; closed: { total_events: number } | null }[] };
    let cities: Cities["cities"] = [];
    await eventually("all cities have a closed window", async () => {
      cities = (await get<Cities>("/v1/cities")).cities;
      return cities.length === 8 && cities.every(({ closed }) => closed !== null && closed.total_events > 0);
    });
    const page = await (await fetch(url, { headers: { accept: "text/html" } })).text();
    for (const { city } of cities) assert.ok(page.includes(city), city);
  });

  it("stages a scenario where its own partitions are: the silent one stands still and is idle", async () => {
    const fromMs = Date.parse(/on partition 1 of ride-events, from (\S+)/.exec(said)![1]!);
    await eventually(
      "the scenario has begun, and the partition is idle",
      async () => Date.now() > fromMs && (await rides())[1]!.idle,
      180_000,
    );
    const before = await rides();
    assert.equal(before.length, 3);
    await eventually("the others went on", async () => {
      const now = await rides();
      return [0, 2].every((partition) => now[partition]!.position > before[partition]!.position + 20);
    });
    assert.equal((await rides())[1]!.position, before[1]!.position);
  });

  it("says at the end what it has counted", async () => {
    child.kill("SIGTERM");
    const { code } = await child.status;
    assert.equal(code, 0);
    await eventually("the ledger is printed", () => /event to window/.test(said));
  });
});
