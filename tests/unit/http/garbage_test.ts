/**
 * What a request leaves behind. Objects that outlive two quick rounds of the collector stay until a thorough one, and
 * thousands a second make the process large and those rounds long.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";

const requests = 3_000;
/** The runtime leaves some 900: timers, and sets of connections. A Request and a stream in the way leave 2,000. */
const bytesMax = 1_300;

describe("requests that were answered", () => {
  it("leave next to nothing that outlives the quick rounds of the collector", async () => {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--allow-all",
        "--no-check",
        "--v8-flags=--expose-gc",
        fileURLToPath(new URL("./garbage_server.ts", import.meta.url)),
        String(requests),
      ],
    }).output();
    const text = new TextDecoder().decode(stdout);
    assert.equal(code, 0, new TextDecoder().decode(stderr));
    const bytes = Number(/^left (\d+)$/m.exec(text)?.[1]) / requests;
    assert.ok(bytes > 0 && bytes < bytesMax, `${bytes} bytes a request`);
  });
});
