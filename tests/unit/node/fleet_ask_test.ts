import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { forwardedHeader, searchedHeader } from "../../../src/http/forwarded.ts";
import { askNode } from "../../../src/node/fleet_ask.ts";
import { manualClock, secondMs, systemClock } from "../../../src/time.ts";

const asking = { path: "/v1/rides/a%2Fb", authorization: "Bearer read-key-00000001", requestId: "r-1" };
const options = { node: "node-a", clock: systemClock, withinMs: 20 * secondMs, bytesMax: 1_000 };

/** A server of the test's own; ends with the test. */
async function serving(answer: (request: Request) => Response | Promise<Response>) {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => undefined }, answer);
  return {
    address: `http://127.0.0.1:${(server.addr as Deno.NetAddr).port}`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

describe("askNode", () => {
  it("sends the caller's key, the request's id and who asks; brings back status, body and what was searched", async () => {
    const seen: unknown[] = [];
    await using node = await serving((request) => {
      const { pathname } = new URL(request.url);
      const given = ["authorization", "x-request-id", forwardedHeader].map((name) =>
        request.headers.get(name)
      );
      seen.push([request.method, pathname, ...given]);
      return Response.json({ known: true }, { status: 404, headers: { [searchedHeader]: "0,3" } });
    });
    const answer = await askNode(node.address, asking, options);
    assert.deepEqual(seen, [["GET", "/v1/rides/a%2Fb", "Bearer read-key-00000001", "r-1", "node-a"]]);
    assert.deepEqual([answer!.status, answer!.searched], [404, [0, 3]]);
    assert.deepEqual(JSON.parse(new TextDecoder().decode(answer!.body)), { known: true });
  });

  it("sends no key when the caller had none", async () => {
    let has = true;
    await using node = await serving((request) => {
      has = request.headers.has("authorization");
      return Response.json({});
    });
    await askNode(node.address, { ...asking, authorization: null }, options);
    assert.equal(has, false);
  });

  it("follows no redirect: the key would go with it", async () => {
    let elsewhere = 0;
    await using other = await serving(() => (elsewhere++, Response.json({})));
    await using node = await serving(() => Response.redirect(`${other.address}/`, 307));
    assert.equal(await askNode(node.address, asking, options), null);
    assert.equal(elsewhere, 0);
  });

  it("takes no body beyond the bound, whether its length is said or not, and none that is not JSON", async () => {
    const endless = () =>
      new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(400)) });
    const json = { headers: { "content-type": "application/json" } };
    const answers: [() => Response, whole: boolean][] = [
      [() => new Response("x".repeat(1_000), json), true],
      [() => new Response("x".repeat(1_001), json), false],
      [() => new Response(endless(), json), false],
      [() => new Response("<p>", { headers: { "content-type": "text/html" } }), false],
    ];
    for (const [make, whole] of answers) {
      await using node = await serving(make);
      assert.equal(await askNode(node.address, asking, options) !== null, whole);
    }
  });

  it("gives up at the deadline, and at once where nothing listens", async () => {
    const clock = manualClock();
    const arrived = Promise.withResolvers<void>();
    const over = Promise.withResolvers<Response>();
    await using node = await serving(() => (arrived.resolve(), over.promise));
    const asked = askNode(node.address, asking, { ...options, clock, withinMs: secondMs });
    await arrived.promise;
    await clock.advance(secondMs);
    assert.equal(await asked, null);
    over.resolve(new Response());
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    listener.close();
    assert.equal(await askNode(`http://127.0.0.1:${listener.addr.port}`, asking, options), null);
  });
});
