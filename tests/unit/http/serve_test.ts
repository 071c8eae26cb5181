import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { startServer } from "../../../src/http/serve.ts";
import { settle, systemClock } from "../../../src/time.ts";
import { eventually } from "../../conformance/eventually.ts";
import { event, openDoors } from "./doors.ts";

const post = {
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify(event()),
};

describe("startServer", () => {
  it("lets the request in hand finish, ends the streams, then closes the port", async () => {
    await using doors = await openDoors();
    const server = await startServer({ app: doors.app, host: "127.0.0.1", port: 0, clock: systemClock });
    let acknowledge: (() => void) | undefined;
    doors.twin.handles.append = () => new Promise((resolve) => acknowledge = resolve);
    const answered = fetch(`${server.url}/v1/events`, post);
    const stream = await fetch(`${server.url}/v1/stream`);
    await eventually("the append is under way", () => acknowledge !== undefined);
    const stopped = server.stop(20_000);
    assert.match(await stream.text(), /event: end\n/);
    acknowledge!();
    const response = await answered;
    assert.equal(response.status, 202);
    await response.body!.cancel();
    assert.deepEqual(await stopped, { cut: false });
    await assert.rejects(fetch(`${server.url}/livez`));
  });

  it("answers 503 at the deadline to what still hangs", async () => {
    await using doors = await openDoors();
    const server = await startServer({ app: doors.app, host: "127.0.0.1", port: 0, clock: doors.clock });
    doors.twin.state.logHangs = true;
    let appending = false;
    const { append } = doors.twin.handles;
    doors.twin.handles.append = (topic, items) => (appending = true, append(topic, items));
    const answered = fetch(`${server.url}/v1/events`, post);
    await eventually("the append is under way", () => appending);
    const stopped = server.stop(1_000);
    await settle();
    await doors.clock.advance(1_000);
    const response = await answered;
    assert.equal(response.status, 503);
    assert.equal((await response.json()).error.code, "draining");
    assert.deepEqual(await stopped, { cut: true });
    assert.equal(await server.stop(1_000), await stopped);
  });

  it("survives a client that hangs up in the middle of a stream or a body", async () => {
    await using doors = await openDoors();
    const server = await startServer({ app: doors.app, host: "127.0.0.1", port: 0, clock: systemClock });
    for (let i = 0; i < 5; i++) {
      const leaving = new AbortController();
      const stream = await fetch(`${server.url}/v1/stream`, { signal: leaving.signal });
      leaving.abort();
      await stream.body!.cancel().catch(() => undefined);
      const half = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
      const head = "POST /v1/events HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";
      await half.write(new TextEncoder().encode(`${head}content-length: 500\r\n\r\n{"ride`));
      half.close();
    }
    const response = await fetch(`${server.url}/livez`);
    assert.equal(response.status, 200);
    await response.body!.cancel();
    assert.deepEqual(doors.defects, []);
    await server.stop(20_000);
  });

  it("serves one application at two addresses, and ends both", async () => {
    await using doors = await openDoors();
    const servers = await Promise.all(
      [1, 2].map(() => startServer({ app: doors.app, host: "127.0.0.1", port: 0, clock: systemClock })),
    );
    const streams = await Promise.all(servers.map(({ url }) => fetch(`${url}/v1/stream`)));
    const stopped = await Promise.all(servers.map((server) => server.stop(20_000)));
    for (const stream of streams) assert.match(await stream.text(), /event: end\n/);
    assert.deepEqual(stopped, [{ cut: false }, { cut: false }]);
    for (const { url } of servers) await assert.rejects(fetch(`${url}/livez`));
  });
});
