/** The part of log_suite.ts about who is in a group, as anybody can ask: for finding the owner of a partition. */
import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import type { GroupMemberView, Membership } from "../../src/log/port.ts";
import { codeOf, eventually } from "./eventually.ts";
import { groupRecorder } from "./group_recorder.ts";
import { eachWithLog, type OpenLog } from "./log_suite.ts";

const partitions = 4;

export function groupMembersSuite(open: OpenLog): void {
  describe("members", () => {
    const under = eachWithLog(open);
    const group = () => `${under().prefix}group`;
    const seen = () => under().log.members(group());
    beforeEach(async () => {
      await under().log.ensureTopics([{ topic: under().topic, partitions, retentionMs: 60_000 }]);
    });

    function join(as = group()): Promise<Membership> {
      const { log, topic } = under();
      return log.join({ group: as, topics: [topic], handlers: groupRecorder().handlers });
    }

    /** Waits until everybody is seen with as many partitions as said, by member id. */
    async function settledAs(shares: Map<string, number>): Promise<GroupMemberView[]> {
      let found: GroupMemberView[] = [];
      const isSettled = () =>
        found.length === shares.size && found.every((m) => m.holds.length === shares.get(m.memberId));
      await eventually(
        `members hold ${[...shares.values()]} partitions`,
        async () => {
          found = await seen();
          return isSettled();
        },
      );
      return found;
    }

    const namesOf = (members: GroupMemberView[]) =>
      members.flatMap((m) => m.holds.map((tp) => `${tp.topic}/${tp.partition}`)).sort();
    const all = () => [0, 1, 2, 3].map((partition) => `${under().topic}/${partition}`);

    it("of a group that nobody ever joined are none, and another group's are not its", async () => {
      assert.deepEqual(await seen(), []);
      const other = await join(`${group()}-other`);
      assert.deepEqual(await seen(), []);
      await other.leave();
    });

    it("are one with everything, under its id and address; none once it has left", async () => {
      const member = await join();
      const [view] = await settledAs(new Map([[member.memberId, partitions]]));
      assert.equal(view!.address, under().address ?? null);
      assert.deepEqual(namesOf([view!]), all());
      await member.leave();
      assert.deepEqual(await seen(), []);
    });

    it("are two that hold all partitions between them, each what it is reading, and the one that stays gets all", async () => {
      const [first, second] = [await join(), await join()];
      const views = await settledAs(new Map([[first.memberId, 2], [second.memberId, 2]]));
      assert.deepEqual(namesOf(views), all());
      for (const member of [first, second]) {
        const held = views.filter((view) => view.memberId === member.memberId);
        await eventually("it has begun what it was given", () => member.assignment().length === 2);
        assert.deepEqual(
          namesOf(held),
          namesOf([{ memberId: "", address: null, holds: member.assignment() }]),
        );
      }
      await first.leave();
      assert.deepEqual(namesOf(await settledAs(new Map([[second.memberId, partitions]]))), all());
      await second.leave();
    });

    it("cannot be asked for once the log is closed", async () => {
      await under().log.close();
      assert.equal(await codeOf(seen), "log_unavailable");
    });
  });
}
