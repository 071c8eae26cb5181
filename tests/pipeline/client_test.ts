/** The client: a method for every operation, and the examples of docs/CLIENT.md, type-checked and run. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { createClient, Refusal } from "../../src/client.ts";
import { described } from "../../src/http/described.ts";
import { isoTime, systemClock } from "../../src/time.ts";
import { eventually } from "../conformance/eventually.ts";
import { type Node, type Nodes, startNodes } from "./nodes.ts";

const documented = "http://127.0.0.1:8080";
const root = fileURLToPath(new URL("../..", import.meta.url));

async function examples(): Promise<string[]> {
  const text = await readFile(join(root, "docs/CLIENT.md"), "utf8");
  return [...text.matchAll(/```ts\n(.*?)```/gs)].map(([, code]) => code!);
}

async function filled(fleet: Nodes): Promise<void> {
  await fleet.settled();
  const [node] = fleet.nodes as [Node];
  const waymark = createClient({ url: node.url });
  await waymark.postEvents({
    ...{ event_type: "requested", ride_id: "ride-0", city: "bratislava", user_id: "user-456" },
    timestamp: isoTime(systemClock.nowMs()),
  });
  await eventually(
    "a window is there",
    async () => (await waymark.windows("bratislava").catch(() => null))?.windows.length !== undefined,
  );
}

describe("the client", () => {
  it("has a method for every operation but health's, which is not for programs of this kind", () => {
    const operations = Object.values(described).filter(({ tag }) => tag !== "health").map((one) =>
      one.operation
    );
    const methods = Object.keys(createClient({ url: documented }));
    assert.deepEqual(methods.filter((name) => !name.startsWith("every")).sort(), operations.sort());
  });

  it("asks of any node, pages through everything and throws what is refused", async () => {
    await using fleet = await startNodes(["node-a", "node-b"]);
    await fleet.settled();
    const [a, b] = fleet.nodes.map(({ url }) => createClient({ url })) as [
      ReturnType<typeof createClient>,
      ReturnType<typeof createClient>,
    ];
    const ids = Array.from({ length: 25 }, (_, n) => `ride ${n}/☂`);
    const timestamp = isoTime(systemClock.nowMs());
    const verdict = await a.postEvents(
      ids.map((ride_id) => ({ event_type: "requested", ride_id, timestamp, city: "žilina & co" })),
    );
    assert.deepEqual(verdict, { accepted: 25, rejected: [] });
    await fleet.settled();
    const found: string[] = [];
    for await (const { ride_id } of b.everyRide({ city: "žilina & co", limit: 4 })) found.push(ride_id);
    assert.deepEqual(found, [...ids].sort());
    assert.equal((await b.ride(ids[7]!)).ride_id, ids[7]);
    await assert.rejects(b.ride("nobody"), (error) => {
      assert.ok(error instanceof Refusal);
      assert.deepEqual([error.status, error.code, error.retryAfterS], [404, "ride_not_found", null]);
      return true;
    });
    await assert.rejects(a.rides({ limit: 0 }), { code: "query_invalid", field: "limit", status: 400 });
    const signal = new AbortController();
    for await (const { event, data } of a.stream({ events: ["partition"], signal: signal.signal })) {
      assert.equal(event, "partition");
      assert.equal(typeof (data as { topic: string }).topic, "string");
      break;
    }
    signal.abort();
  });

  it("does what docs/CLIENT.md shows", async () => {
    await using fleet = await startNodes(["node-a"]);
    await filled(fleet);
    const folder = await mkdtemp(join(tmpdir(), "waymark-examples-"));
    try {
      const shown = await examples();
      assert.ok(shown.length >= 5);
      for (const [n, code] of shown.entries()) {
        const file = join(folder, `example_${n}.ts`);
        const client = new URL("../../src/client.ts", import.meta.url).href;
        await writeFile(
          file,
          code.replaceAll('"waymark/client"', `"${client}"`).replaceAll(documented, fleet.nodes[0]!.url),
        );
        const { code: exit, stderr } = await new Deno.Command(Deno.execPath(), {
          args: [
            "run",
            "--quiet",
            "--check",
            "--config",
            join(root, "deno.json"),
            "--allow-net=127.0.0.1",
            "--no-prompt",
            file,
          ],
          cwd: root,
          env: { NO_COLOR: "1" },
          stdout: "null",
          stderr: "piped",
        }).output();
        assert.equal(exit, 0, `example ${n}:\n${code}\n${new TextDecoder().decode(stderr)}`);
      }
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
