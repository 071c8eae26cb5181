/** `deno task bench` at tiny size: every figure is there, beside those of another commit. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import type { Figures } from "../../bench/figures.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

describe("bench", () => {
  let folder: string;
  before(async () => folder = await mkdtemp(join(tmpdir(), "waymark-bench-test-")));
  after(() => rm(folder, { recursive: true, force: true }));

  async function bench(more: string[]): Promise<string> {
    const size = ["--events", "2000", "--runs", "1", "--seconds", "1", "--rate", "200"];
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-check", "-A", "bench/bench.ts", ...size, ...more],
      cwd: root,
      env: { NO_COLOR: "1" },
    }).output();
    assert.equal(code, 0, new TextDecoder().decode(stderr));
    return new TextDecoder().decode(stdout);
  }

  it("prints its two numbers first, then a table, beside those of another commit", async () => {
    const before = join(folder, "before.json");
    const others = { about: { commit: "before" }, figures: { fetch: { median: 1e9, min: 1e9, max: 1e9 } } };
    await writeFile(before, JSON.stringify(others));
    const path = join(folder, "figures.json");
    const said = await bench(["--json", path, "--vs", before]);
    const [first, second] = said.split("\n");
    assert.match(first!, /^events per CPU-second, end to end +[\d,]+ /);
    assert.match(second!, /^event → visible, p99 +[\d,]+ ms/);
    assert.match(said, /^fetch .* was 1,000,000,000\.00: 0\.00×$/m);
    assert.match(said, /^against commit before$/m);
    assert.match(said, /^NOT THE SAME: log, events, /m);
    const { about, figures } = JSON.parse(await readFile(path, "utf8")) as {
      about: Record<string, unknown>;
      figures: Figures;
    };
    assert.equal(about.events, 2_000);
    const positive = [
      ...[
        "eventsPerCpuSecond",
        "visibleP99Ms",
        "fetch",
        "decode",
        "fold",
        "tell cities",
        "windows",
        "publish",
      ],
      ...["end to end", "snapshot, per actor", "sink, per row", "bytesPerActor", "peakMb"],
    ];
    for (const name of positive) assert.ok(figures[name]!.median > 0, `${name} ${figures[name]!.median}`);
    // A collection in between may leave nothing of what was allocated.
    for (const name of ["fold bytes", "allocatedMbPerSecond"]) assert.ok(figures[name] !== undefined, name);
    assert.equal(figures.neverSeen!.median, 0);
  });
});
