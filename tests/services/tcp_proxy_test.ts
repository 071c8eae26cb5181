/** The proxy itself: a test that relies on a broken network has to know that it is broken. */
import assert from "node:assert/strict";
import { createServer, type Socket } from "node:net";
import { connect } from "node:net";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { systemClock } from "../../src/time.ts";
import { eventually } from "../conformance/eventually.ts";
import { startTcpProxy, type TcpProxy } from "./tcp_proxy.ts";

/** Answers every word with the word in capitals. */
const serving: Socket[] = [];
const echo = createServer((socket) => {
  serving.push(socket);
  socket.on("data", (bytes) => {
    served += bytes;
    socket.write(bytes.toString().toUpperCase());
  });
  socket.on("error", () => {});
});
let served = "";
let proxy: TcpProxy;
let client: { socket: Socket; got: string; isClosed: boolean };

before(() => new Promise<void>((resolve) => echo.listen(0, "127.0.0.1", () => resolve())));
after(() => new Promise((resolve) => echo.close(resolve)));
beforeEach(async () => {
  served = "";
  proxy = await startTcpProxy({ to: (echo.address() as { port: number }).port });
  client = await connected();
  await says("one");
});
afterEach(async () => {
  client.socket.destroy();
  await proxy.close();
});

async function connected(): Promise<typeof client> {
  const socket = connect(proxy.port, "127.0.0.1");
  const made = { socket, got: "", isClosed: false };
  socket.on("data", (bytes) => made.got += bytes);
  socket.on("close", () => made.isClosed = true);
  socket.on("error", () => {});
  await new Promise((resolve) => socket.once("connect", resolve));
  return made;
}

async function says(word: string, from = client): Promise<void> {
  from.socket.write(word);
  await eventually(`${word} is answered`, () => from.got.endsWith(word.toUpperCase()));
}

describe("startTcpProxy", () => {
  it("hold keeps what is sent and says nothing; pass lets it through in order", async () => {
    proxy.set("hold");
    client.socket.write("two");
    const other = await connected();
    other.socket.write("new");
    await eventually(
      "it has come as far as the proxy",
      () =>
        proxy.connections().some((c) => c.lastSent()?.toString() === "two") &&
        proxy.connections().some((c) => c.lastSent()?.toString() === "new"),
    );
    assert.deepEqual([served, client.got, other.got, client.isClosed], ["one", "ONE", "", false]);
    proxy.set("pass");
    await eventually("it was answered", () => client.got === "ONETWO" && other.got === "NEW");
    other.socket.destroy();
  });

  it("one connection can be held while others pass", async () => {
    proxy.connections()[0]!.set("hold");
    client.socket.write("two");
    const other = await connected();
    await says("other", other);
    assert.equal(client.got, "ONE");
    other.socket.destroy();
  });

  it("drop_to_server loses requests, drop_to_client answers, for good", async () => {
    proxy.set("drop_to_server");
    client.socket.write("lost");
    const dropped = () => proxy.connections()[0]!.droppedBytes();
    await eventually("the request is lost", () => dropped() === "lost".length);
    proxy.set("drop_to_client");
    client.socket.write("two");
    await eventually("the answer is lost", () => dropped() === "lostTWO".length);
    proxy.set("pass");
    await says("three");
    assert.deepEqual([served, client.got], ["onetwothree", "ONETHREE"]);
  });

  it("a slow line delivers later, in order, and what the server said last before it hung up", async () => {
    proxy.set({ latencyMs: 300 });
    const startedMs = systemClock.monotonicMs();
    client.socket.write("two");
    client.socket.write("three");
    await eventually("it is answered", () => client.got === "ONETWOTHREE");
    assert.ok(systemClock.monotonicMs() - startedMs >= 2 * 300, "there and back");
    serving.at(-1)!.end("bye");
    await eventually("the server has hung up", () => client.isClosed);
    assert.equal(client.got, "ONETWOTHREEbye");
  });

  it("a narrow line carries everything, and no faster than it may", async () => {
    proxy.set({ bytesPerSecond: 20_000 });
    const startedMs = systemClock.monotonicMs();
    client.socket.write("x".repeat(10_000));
    await eventually("all of it is answered", () => client.got === "ONE" + "X".repeat(10_000));
    assert.ok(
      systemClock.monotonicMs() - startedMs >= 450,
      "half a second for half of what a second carries",
    );
    client.socket.write("y".repeat(10_000_000));
    proxy.set("pass");
    await eventually("a wide line has it at once", () => client.got.length === 10_010_003);
  });

  it("half open: the server is gone, the client never learns, and who comes later passes", async () => {
    for (const connection of proxy.connections()) connection.set("half_open");
    await eventually("the server has lost it", () => serving.at(-1)!.destroyed);
    client.socket.write("two");
    const other = await connected();
    await says("new", other);
    proxy.set("pass");
    await says("newer", other);
    assert.deepEqual([client.got, client.isClosed, served], ["ONE", false, "onenewnewer"]);
    client.socket.destroy();
    other.socket.destroy();
    await eventually("both are forgotten", () => proxy.connections().length === 0);
  });

  it("reset cuts off who is there and who comes, until pass", async () => {
    proxy.set("reset");
    await eventually("it is cut off", () => client.isClosed);
    const late = await connected();
    await eventually("the late one too", () => late.isClosed);
    proxy.set("pass");
    const again = await connected();
    await says("again", again);
    again.socket.destroy();
  });
});
