/** Turns of the event loop: one slice in each, in order, and whoever asks over a socket is heard meanwhile. */
import assert from "node:assert/strict";
import { createServer, get } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, it } from "node:test";
import { manualClock, systemClock } from "../../../src/time.ts";
import { eventLoopTurns, sliceTurn } from "../../../src/turns.ts";

const sliceMs = 4;

function holdTheLoop(): void {
  const untilMs = systemClock.monotonicMs() + sliceMs;
  while (systemClock.monotonicMs() < untilMs);
}

/** Somebody asks over a socket while slices follow each other in so many queues; how many passed until the answer. */
async function slicesUntilAnswered(turns: (() => Promise<void>)[]): Promise<number> {
  const server = createServer((_, outgoing) => outgoing.end("here"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  let slices = 0;
  let isAnswered = false;
  const working = turns.map(async (turn) => {
    while (!isAnswered && slices < 1_000) {
      await turn();
      holdTheLoop();
      slices++;
    }
  });
  await new Promise<void>((resolve, reject) => {
    get({ port, host: "127.0.0.1", agent: false }, (answer) => {
      answer.resume();
      answer.once("end", resolve);
    }).once("error", reject);
  });
  isAnswered = true;
  await Promise.all(working);
  await new Promise((resolve) => server.close(resolve));
  return slices;
}

describe("turns of the event loop", () => {
  it("let one waiter pass at a time, in order of arrival", async () => {
    const turn = eventLoopTurns(manualClock());
    const passed: string[] = [];
    const pass = async (name: string) => {
      await turn();
      passed.push(`${name} begins`);
      await Promise.resolve();
      passed.push(`${name} ends`);
    };
    await Promise.all(["a", "b", "c"].map(pass));
    await pass("d");
    assert.deepEqual(passed, ["a", "b", "c", "d"].flatMap((name) => [`${name} begins`, `${name} ends`]));
  });

  it("are of a process: those of another clock go on when one holds its turn for good", async () => {
    const [killed, other] = [manualClock(), manualClock()];
    void sliceTurn(killed);
    await sliceTurn(other);
    await sliceTurn(other);
  });

  // The runtime alone looks at its sockets at every 61st turn: hundreds of slices until one is connected and answered.
  for (const queues of [1, 3]) {
    it(`serve sockets between slices that follow each other in ${queues} queues`, async () => {
      const turns = Array.from({ length: queues }, () => eventLoopTurns(systemClock));
      const slices = await slicesUntilAnswered(turns);
      assert.ok(slices < 100, `${slices} slices passed before the answer`);
    });
  }
});
