/** When a process says that it is ready: not before its groups have said what it has, and not once one has put it out. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { hostsOf } from "./harness.ts";
import { type Node, startNodes } from "./nodes.ts";

const causesAt = async (node: Node, path: string): Promise<string[] | null> => {
  const answer = await node.get(path);
  const { causes = null } = await answer.json();
  assert.equal(answer.status, causes === null ? 200 : 503);
  return causes;
};

describe("a node", () => {
  it("is ready when its groups have said what it has, and no longer when one has put it out", async () => {
    await using fleet = await startNodes(["one"]);
    const [node] = fleet.nodes as [Node];
    await fleet.settled();
    for (const path of ["/readyz", "/startupz"]) assert.equal(await causesAt(node, path), null);
    for (const host of hostsOf(node.service.pipeline)) {
      fleet.log.expel(host.memberId);
      for (const path of ["/readyz", "/startupz"]) {
        assert.deepEqual(await causesAt(node, path), [
          "the groups have yet to say which partitions this process has",
        ]);
      }
    }
  });
});
