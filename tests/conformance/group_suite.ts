/** The part of log_suite.ts about consumer groups: who gets what, in which order, and who no longer does. */
import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import type { Log, Membership, TopicPartition } from "../../src/log/port.ts";
import { settle } from "../../src/time.ts";
import { codeOf, eventually } from "./eventually.ts";
import { groupRecorder, type Recorder, type RecorderOptions } from "./group_recorder.ts";
import { eachWithLog, numbered, type OpenLog } from "./log_suite.ts";

const partitions = 4;

export function groupSuite(open: OpenLog): void {
  describe("groups", () => {
    const under = eachWithLog(open);
    const tp = (partition: number): TopicPartition => ({ topic: under().topic, partition });
    beforeEach(async () => {
      await under().log.ensureTopics([{ topic: under().topic, partitions, retentionMs: 60_000 }]);
    });

    async function join(options: RecorderOptions & { log?: Log; batchRecordsMax?: number } = {}) {
      const recorder = groupRecorder(options);
      const { prefix, topic, log } = under();
      const member = await (options.log ?? log).join({
        group: `${prefix}group`,
        topics: [topic],
        handlers: recorder.handlers,
        ...(options.batchRecordsMax === undefined ? {} : { batchRecordsMax: options.batchRecordsMax }),
      });
      return { recorder, member };
    }

    const appendEverywhere = (count: number, from = 0) =>
      under().log.append(
        [0, 1, 2, 3].flatMap((partition) => numbered(under().topic, { partition, count, from })),
      );

    it("join hands every partition to a lone member, from the offset it asks for, in order", async () => {
      await appendEverywhere(10);
      const { recorder, member } = await join({ from: ({ partition }) => partition * 2, batchRecordsMax: 3 });
      await eventually("all partitions are read", () => deliveredCount(recorder) === 28);
      for (const partition of [0, 1, 2, 3]) {
        const expected = Array.from({ length: 10 - partition * 2 }, (_, i) => partition * 2 + i);
        assert.deepEqual(recorder.offsets.get(partition), expected);
      }
      assert.deepEqual(member.assignment().map((p) => p.partition).sort(), [0, 1, 2, 3]);
      await member.leave();
      assert.deepEqual([...recorder.holding], []);
      assert.deepEqual(member.assignment(), []);
      assert.deepEqual(recorder.breaches, []);
    });

    it("a member has joined when the group has said what it is to have, be that nothing", async () => {
      const crowd: Membership[] = [];
      for (let n = 0; n <= partitions; n++) {
        const { member } = await join();
        assert.equal(member.hasJoined(), false, `member ${n}`);
        await eventually("it has joined, and those before it are counted in all the while", () => {
          assert.ok(crowd.every((before) => before.hasJoined()));
          return member.hasJoined();
        });
        crowd.push(member);
      }
      await eventually("four hold a partition each, one holds none", () => {
        assert.ok(crowd.every((member) => member.hasJoined()));
        return crowd.map((member) => member.assignment().length).sort().join() === "0,1,1,1,1";
      });
      for (const member of crowd) await member.leave();
    });

    it("batch holds at most batchRecordsMax records and says where the log ends", async () => {
      await under().log.append(numbered(under().topic, { count: 10 }));
      const seen: [number, number][] = [];
      const { recorder, member } = await join({
        batchRecordsMax: 4,
        onBatch: (_, records, end) => seen.push([records.length, end]),
      });
      await eventually("ten records came", () => deliveredCount(recorder) === 10);
      assert.ok(seen.every(([count, end]) => count <= 4 && end === 10), JSON.stringify(seen));
      await member.leave();
    });

    it("batch brings records appended after the reader had come to the end", async () => {
      const { recorder, member } = await join();
      await eventually(
        "every partition was found empty",
        () => partitionsIn(recorder.empties).length === partitions,
      );
      await appendEverywhere(5);
      await eventually("the new records came", () => deliveredCount(recorder) === 20);
      await member.leave();
      assert.deepEqual(recorder.breaches, []);
    });

    it("empty comes only at the log end, again and again, with the time its fetch was sent", async () => {
      await under().log.append(numbered(under().topic, { count: 5 }));
      const beforeMs = under().log.clockMs();
      const { recorder, member } = await join();
      const ofFirst = () => recorder.empties.filter((e) => e.partition === 0);
      await eventually("partition 0 was found empty three times", () => ofFirst().length >= 3);
      assert.ok(ofFirst().every((e) => e.end === 5));
      const times = ofFirst().map((e) => e.sentAtMs);
      assert.ok(times.every((t, i) => t >= (times[i - 1] ?? beforeMs) && t <= under().log.clockMs()));
      assert.ok(recorder.calls.indexOf("empty 0") > recorder.calls.indexOf("batch 0 [0..4]"));
      await member.leave();
    });

    it("members share the partitions; one that moves is revoked, and may commit, before it is assigned", async () => {
      await appendEverywhere(20);
      const order: string[] = [];
      const consume = (name: string): { options: RecorderOptions; member?: Membership } => {
        const position = new Map<number, number>();
        const self: { options: RecorderOptions; member?: Membership } = {
          options: {
            from: async ({ topic, partition }) => {
              order.push(`${name} assigned ${partition}`);
              const committed = await under().log.committed(`${under().prefix}group`, topic);
              return committed[partition]?.offset ?? 0;
            },
            onBatch: ({ partition }, records) => {
              position.set(partition, records.at(-1)!.offset + 1);
            },
            onRevoked: async ({ topic, partition }) => {
              const offset = position.get(partition);
              if (offset !== undefined) {
                await self.member!.commit([{ topic, partition, offset, metadata: name }]);
              }
              order.push(`${name} revoked ${partition}`);
            },
          },
        };
        return self;
      };
      const [a, b] = [consume("a"), consume("b")];
      const first = await join(a.options);
      a.member = first.member;
      await eventually("the first has read everything", () => deliveredCount(first.recorder) === 80);
      const second = await join(b.options);
      b.member = second.member;
      await eventually(
        "both have two",
        () => first.recorder.holding.size === 2 && second.recorder.holding.size === 2,
      );
      await appendEverywhere(5, 20);
      await eventually("every record came", () => deliveredCount(first.recorder, second.recorder) === 100);
      for (const partition of second.recorder.holding) {
        assert.ok(order.indexOf(`a revoked ${partition}`) < order.indexOf(`b assigned ${partition}`));
        assert.equal(second.recorder.offsets.get(partition)![0], 20);
      }
      await first.member.leave();
      await eventually("the second has all", () => second.recorder.holding.size === partitions);
      await second.member.leave();
      assert.deepEqual([...first.recorder.breaches, ...second.recorder.breaches], []);
      assert.equal(deliveredCount(first.recorder, second.recorder), 100);
    });

    it("commit stores offset and metadata per group, and refuses partitions of others", async () => {
      const { recorder, member } = await join();
      await eventually("all assigned", () => recorder.holding.size === partitions);
      await member.commit([{ ...tp(1), offset: 7, metadata: "hash" }]);
      await member.commit([{ ...tp(1), offset: 5, metadata: "" }, { ...tp(2), offset: 1, metadata: "m" }]);
      const { log, prefix, topic } = under();
      const expected = [null, { offset: 5, metadata: "" }, { offset: 1, metadata: "m" }, null];
      assert.deepEqual(await log.committed(`${prefix}group`, topic), expected);
      assert.deepEqual(await log.committed(`${prefix}other`, topic), [null, null, null, null]);
      await member.leave();
      const late = { ...tp(1), offset: 9, metadata: "" };
      assert.equal(await codeOf(() => member.commit([late])), "log_unavailable");
      assert.deepEqual(await log.committed(`${prefix}group`, topic), expected);
    });

    it("two groups read the same records independently", async () => {
      await appendEverywhere(3);
      const one = await join();
      const recorder = groupRecorder();
      const { log, prefix, topic } = under();
      const other = await log.join({ group: `${prefix}other`, topics: [topic], handlers: recorder.handlers });
      await eventually(
        "both have all",
        () => deliveredCount(one.recorder) === 12 && deliveredCount(recorder) === 12,
      );
      await Promise.all([one.member.leave(), other.leave()]);
    });

    it("pause stops batches and empties of one partition until resume", async () => {
      const { recorder, member } = await join();
      await eventually(
        "every partition was found empty",
        () => partitionsIn(recorder.empties).length === partitions,
      );
      const callsOfFirst = () => recorder.calls.filter((call) => / 0\b/.test(call)).length;
      const othersWentOn = (empties: number) => () => recorder.empties.length >= empties + 9;
      member.pause(tp(0));
      await settle();
      const before = callsOfFirst();
      await eventually("the others were found empty again", othersWentOn(recorder.empties.length));
      await appendEverywhere(3);
      await eventually("the others have their records", () => deliveredCount(recorder) === 9);
      await eventually("the others were found empty again", othersWentOn(recorder.empties.length));
      assert.equal(callsOfFirst(), before);
      member.resume(tp(0));
      await eventually("the paused one caught up", () => deliveredCount(recorder) === 12);
      await member.leave();
    });

    it("pause and expel called from a batch hold for partitions whose batch was next", async (t) => {
      const { expel } = under();
      await appendEverywhere(4);
      const { recorder, member } = await join({
        batchRecordsMax: 1,
        onBatch: ({ partition }) => {
          for (const other of [0, 1, 2, 3]) if (other !== partition) member.pause(tp(other));
        },
      });
      await eventually("one partition is through", () => deliveredCount(recorder) === 4);
      assert.equal(recorder.offsets.size, 1);
      await member.leave();
      if (expel === undefined) return t.skip("this log expels by itself");
      const zombie = await join({ batchRecordsMax: 1, onBatch: () => expel(zombie.member.memberId) });
      await eventually(
        "all are lost",
        () => zombie.recorder.calls.filter((c) => c.startsWith("lost")).length === 4,
      );
      for (let turn = 0; turn < 20; turn++) await settle();
      assert.equal(deliveredCount(zombie.recorder), 1);
      assert.deepEqual([...recorder.breaches, ...zombie.recorder.breaches], []);
    });

    it("a handler that throws after lost fails nothing", async (t) => {
      const { expel } = under();
      if (expel === undefined) return t.skip("this log expels by itself");
      await appendEverywhere(1);
      const held = Promise.withResolvers<void>();
      const { recorder, member } = await join({ onBatch: () => held.promise });
      await eventually("it is in its batches", () => deliveredCount(recorder) === 4);
      expel(member.memberId);
      held.reject(new Error("the commit was refused"));
      for (let turn = 0; turn < 5; turn++) await settle();
      assert.deepEqual(recorder.errors, []);
    });

    it("failed reports a handler that throws; that partition stops and the others go on", async () => {
      await appendEverywhere(3);
      const { recorder, member } = await join({
        onBatch: ({ partition }) => {
          if (partition === 2) throw new Error("cannot fold");
        },
      });
      await eventually("the failure was reported", () => recorder.errors.length === 1);
      await appendEverywhere(3, 3);
      await eventually(
        "the others have all",
        () => [0, 1, 3].every((p) => recorder.offsets.get(p)?.length === 6),
      );
      assert.equal((recorder.errors[0] as Error).message, "cannot fold");
      assert.equal(recorder.calls.filter((c) => c.startsWith("batch 2")).length, 1);
      await member.leave();
      assert.deepEqual(recorder.breaches, []);
    });

    it("a start beyond the log end is refused, never moved", async () => {
      const { recorder, member } = await join({ from: ({ partition }) => partition === 3 ? 1 : 0 });
      await eventually("it was refused", () => recorder.errors.length === 1);
      assert.equal((recorder.errors[0] as { code: string }).code, "log_behind_snapshot");
      await member.leave();
    });

    it("an expelled member gets lost during its batch, its commits are refused, and another goes on", async (t) => {
      const { expel, log, prefix, topic } = under();
      if (expel === undefined) return t.skip("this log expels by itself");
      const held = Promise.withResolvers<void>();
      await appendEverywhere(2);
      const zombie = await join({ onBatch: () => held.promise });
      await eventually("it is in its batches", () => deliveredCount(zombie.recorder) === 8);
      const heir = await join();
      expel(zombie.member.memberId);
      assert.equal(zombie.recorder.calls.filter((c) => c.startsWith("lost")).length, partitions);
      assert.deepEqual([zombie.member.assignment(), zombie.member.hasJoined()], [[], false]);
      await eventually("the heir has read everything", () => deliveredCount(heir.recorder) === 8);
      const commit = { ...tp(0), offset: 2, metadata: "zombie" };
      assert.equal(await codeOf(() => zombie.member.commit([commit])), "log_unavailable");
      held.resolve();
      await log.append(numbered(topic, { from: 2 }));
      await eventually("the heir got the next", () => deliveredCount(heir.recorder) === 9);
      assert.equal(deliveredCount(zombie.recorder), 8);
      assert.equal(zombie.recorder.calls.some((c) => c.startsWith("revoked")), false);
      assert.deepEqual(await log.committed(`${prefix}group`, topic), [null, null, null, null]);
      await heir.member.leave();
      await zombie.member.leave();
    });

    it("members that come and go at random still see every record once, in order, each partition at one of them", async () => {
      const { log, prefix, topic } = under();
      const group = `${prefix}churn`;
      const delivered = new Map<number, number[]>();
      const owners = new Map<number, string>();
      const clashes: string[] = [];
      const crowd: { member: Membership; recorder: Recorder }[] = [];
      let nextName = 0;

      async function enter(): Promise<void> {
        const name = `m${nextName++}`;
        const position = new Map<number, number>();
        const recorder = groupRecorder({
          from: async ({ partition }) => {
            if (owners.has(partition)) clashes.push(`${name} got ${partition} of ${owners.get(partition)}`);
            owners.set(partition, name);
            const offset = (await log.committed(group, topic))[partition]?.offset ?? 0;
            position.set(partition, offset);
            return offset;
          },
          onBatch: async ({ partition }, records) => {
            await settle();
            position.set(partition, records.at(-1)!.offset + 1);
            delivered.set(partition, [...delivered.get(partition) ?? [], ...records.map((r) => r.offset)]);
          },
          onRevoked: async (tp) => {
            await member.commit([{ ...tp, offset: position.get(tp.partition)!, metadata: name }]);
            owners.delete(tp.partition);
          },
        });
        const options = { group, topics: [topic], handlers: recorder.handlers, batchRecordsMax: 3 };
        const member = await log.join(options);
        crowd.push({ member, recorder });
      }

      const present: number[] = [];
      const leaving: Promise<void>[] = [];
      // A fixed pattern of comings and goings, some of them while others are still under way.
      for (let turn = 0; turn < 24; turn++) {
        if (present.length < 2 || turn % 3 !== 0) {
          present.push(crowd.length);
          await enter();
        } else leaving.push(crowd[present.splice(turn % present.length, 1)[0]!]!.member.leave());
        await appendEverywhere(4, turn * 4);
        if (turn % 4 === 3) await settle();
      }
      const total = () => [...delivered.values()].reduce((sum, offsets) => sum + offsets.length, 0);
      await eventually("every record came", () => total() >= 24 * 4 * partitions);
      await Promise.all([...leaving, ...present.map((i) => crowd[i]!.member.leave())]);
      const expected = Array.from({ length: 96 }, (_, offset) => offset);
      for (let partition = 0; partition < partitions; partition++) {
        assert.deepEqual(delivered.get(partition), expected);
      }
      assert.deepEqual([...clashes, ...crowd.flatMap((c) => c.recorder.breaches)], []);
      assert.deepEqual(crowd.flatMap((c) => c.recorder.errors), []);
    });

    it("a slow assigned holds up its own partition only", async () => {
      await appendEverywhere(2);
      const held = Promise.withResolvers<number>();
      const { recorder, member } = await join({
        from: ({ partition }) => partition === 0 ? held.promise : 0,
      });
      await eventually("the others are read", () => deliveredCount(recorder) === 6);
      held.resolve(1);
      await eventually("the slow one begins where it said", () => recorder.offsets.get(0)?.[0] === 1);
      await member.leave();
    });

    it("close while members are reading tells them lost", async () => {
      const { recorder } = await join();
      await eventually("all assigned", () => partitionsIn(recorder.empties).length === partitions);
      await under().log.close();
      await eventually("all lost", () => recorder.holding.size === 0);
      assert.equal(recorder.calls.filter((c) => c.startsWith("lost")).length, partitions);
    });
  });
}

function deliveredCount(...recorders: Recorder[]): number {
  return recorders.flatMap((r) => [...r.offsets.values()]).reduce((sum, offsets) => sum + offsets.length, 0);
}

const partitionsIn = (empties: Recorder["empties"]) => [...new Set(empties.map((e) => e.partition))];
