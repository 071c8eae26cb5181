/** Row 22: `bench/open_rides.ts` at small size. How ten million rides at once did is in docs/CAPACITY.md. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import type { Folded, Restored } from "../../bench/open_rides.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const rides = 150_000;

describe("row 22: rides that are open all at once, in several partitions", () => {
  it("holds them all, at less than 500 bytes each, and has them back from a snapshot", async () => {
    const size = ["--rides", String(rides), "--partitions", "3", "--json"];
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-check", "-A", "bench/open_rides.ts", ...size],
      cwd: root,
      env: { NO_COLOR: "1" },
    }).output();
    assert.equal(code, 0, new TextDecoder().decode(stderr) + new TextDecoder().decode(stdout));
    const { folded, restored } = JSON.parse(new TextDecoder().decode(stdout)) as {
      folded: Folded;
      restored: Restored;
    };
    assert.deepEqual([folded.held, folded.evicted], [rides, 0]);
    assert.ok(folded.bytesPerRide > 100 && folded.bytesPerRide < 500, `${folded.bytesPerRide} bytes a ride`);
    assert.deepEqual([restored.restored, restored.accepted], [rides, rides / 1_000]);
  });
});
