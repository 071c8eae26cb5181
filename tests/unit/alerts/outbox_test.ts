/** Telling receivers: once, the newest, in spite of crashes and refusals, and each without the others. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Answer, Receiver } from "../../../src/alerts/notifiers/receiver.ts";
import { isoTime, minuteMs, secondMs } from "../../../src/time.ts";
import { type LocalReceiver, localReceiver, taken } from "./local_receiver.ts";
import { type Office, openOffice, pager } from "./notifying.ts";
import { deliveryOf, startMs, transition } from "./told.ts";

const firing = transition("firing", { minute: 6 });
const resolved = transition("resolved", { minute: 20 });

async function scene(
  work: (office: Office, receiver: LocalReceiver) => Promise<void>,
  { partitions = 1 } = {},
): Promise<void> {
  const office = await openOffice({ partitions });
  const receiver = localReceiver();
  try {
    await work(office, receiver);
  } finally {
    await office.close();
    await receiver.close();
  }
}

const inShort = (receiver: LocalReceiver) => receiver.heard.map(({ body }) => body.event_action);
const code = (status: number) => () => new Response("", { status });

describe("an outbox", () => {
  it("tells of an incident and of its end, once each, and writes both down", () =>
    scene(async (office, receiver) => {
      const { notifiers } = await office.start([pager(receiver.url)]);
      await office.publish(transition("pending", { minute: 1 }), firing);
      await office.until("it is paged", () => receiver.pages === 1);
      await office.pass(3 * minuteMs);
      await office.publish(resolved);
      await office.until("it is ended", () => receiver.ends === 1);
      await office.pass(3 * minuteMs);
      assert.deepEqual(inShort(receiver), ["trigger", "resolve"]);
      const written = await office.deliveries();
      assert.deepEqual(written.map(({ state, outcome }) => `${state} ${outcome}`), [
        "firing attempted",
        "firing accepted",
        "resolved attempted",
        "resolved accepted",
      ]);
      assert.deepEqual(notifiers.view(), [
        { receiver: "pagerduty", pending: 0, oldest_seconds: 0, failing: null },
      ]);
    }));

  it("tells of a burst of incidents, each once", () =>
    scene(async (office, receiver) => {
      await office.start([{ ...pager(receiver.url), spacingMs: 0 }]);
      const cities = Array.from({ length: 120 }, (_, n) => `city-${n}`);
      await office.publish(...cities.map((city) => transition("firing", { minute: 6, city })));
      await office.until("all are paged", () => receiver.pages === 120);
      await office.publish(...cities.map((city) => transition("resolved", { minute: 20, city })));
      await office.until("all are ended", () => receiver.ends === 120);
      await office.pass(3 * minuteMs);
      assert.equal(receiver.heard.length, 240);
    }));

  it("tells the newest state only of what happened before it came", () =>
    scene(async (office, receiver) => {
      for (let n = 0; n < 20; n++) {
        await office.publish(
          transition("firing", { minute: 10 * n + 6, incident: `i${n}` }),
          transition("resolved", { minute: 10 * n + 9, incident: `i${n}` }),
        );
      }
      const last = transition("firing", { minute: 300, incident: "last" });
      await office.publish(last, firing);
      await office.start([pager(receiver.url)]);
      await office.until("it is paged", () => receiver.pages === 1);
      await office.pass(minuteMs);
      assert.equal(receiver.heard.length, 1);
      const { payload } = receiver.heard[0]!.body as { payload: { custom_details: { alert_id: string } } };
      assert.equal(payload.custom_details.alert_id, last.alert_id);
    }));

  it("says nothing again after a start in order", () =>
    scene(async (office, receiver) => {
      const first = await office.start([pager(receiver.url)]);
      await office.publish(firing);
      await office.until("it is paged", () => receiver.pages === 1);
      let stopped = false;
      void first.notifiers.stop().then(() => stopped = true);
      await office.until("it has stopped", () => stopped);
      await office.start([pager(receiver.url)], "another");
      await office.pass(minuteMs);
      assert.deepEqual(inShort(receiver), ["trigger"]);
    }));

  it("ten minutes of 500s change only the time", () =>
    scene(async (office, receiver) => {
      const { notifiers } = await office.start([pager(receiver.url)]);
      receiver.answer = code(500);
      await office.publish(firing);
      await office.pass(10 * minuteMs);
      assert.equal(receiver.pages, 0);
      const tries = receiver.heard.length;
      assert.ok(tries > 20 && tries < 60, `${tries} tries in ten minutes`);
      const [view] = notifiers.view();
      assert.deepEqual([view!.pending, view!.failing], [1, "500"]);
      assert.ok(view!.oldest_seconds > 590, String(view!.oldest_seconds));
      receiver.answer = taken;
      await office.until("it is paged", () => receiver.pages === 1);
      await office.publish(resolved);
      await office.until("it is ended", () => receiver.ends === 1);
      await office.pass(3 * minuteMs);
      assert.deepEqual([receiver.pages, receiver.ends, receiver.heard.length], [1, 1, tries + 2]);
      assert.equal(office.said.filter((line) => line.includes("does not take messages")).length, 1);
    }));

  it("what came and went while the receiver was away is told nobody", () =>
    scene(async (office, receiver) => {
      await office.start([pager(receiver.url)]);
      receiver.answer = code(503);
      await office.publish(firing);
      await office.until("it was tried", () => receiver.heard.length > 1);
      await office.publish(resolved);
      await office.pass(2 * minuteMs);
      receiver.answer = taken;
      await office.pass(3 * minuteMs);
      assert.equal(receiver.pages, 0);
      assert.equal(receiver.open.size, 0);
    }));

  it("a message that is refused is never sent again, and says so where people look", () =>
    scene(async (office, receiver) => {
      await office.start([pager(receiver.url)]);
      receiver.answer = code(400);
      await office.publish(firing);
      await office.until("it was refused", async () => (await office.deliveries()).length === 2);
      await office.pass(3 * minuteMs);
      assert.equal(receiver.heard.length, 1);
      await office.publish(resolved);
      await office.pass(3 * minuteMs);
      assert.equal(receiver.heard.length, 1);
      assert.equal((await office.deliveries()).at(-1)!.outcome, "refused");
      assert.ok(office.said.some((line) => /pagerduty refused the trigger of .* for good: 400/.test(line)));
      receiver.answer = taken;
      await office.publish(transition("firing", { minute: 40, incident: "next" }));
      await office.until("the next is paged", () => receiver.pages === 1);
    }));

  it("backs off for minutes when it is told too much", () =>
    scene(async (office, receiver) => {
      await office.start([pager(receiver.url)]);
      receiver.answer = code(429);
      await office.publish(firing);
      await office.until("it was told so", () => receiver.heard.length === 1);
      await office.pass(50 * secondMs);
      assert.equal(receiver.heard.length, 1);
      await office.pass(5 * minuteMs);
      assert.ok(receiver.heard.length >= 2 && receiver.heard.length <= 4, String(receiver.heard.length));
      receiver.answer = taken;
      await office.pass(8 * minuteMs);
      assert.equal(receiver.pages, 1);
    }));

  it("a dead receiver delays no other", () =>
    scene(async (office, receiver) => {
      const letGo = Promise.withResolvers<Answer>();
      const hanging: Receiver = { ...pager(receiver.url, "hanging"), send: () => letGo.promise };
      const failing: Receiver = { ...pager("http://127.0.0.1:1", "failing") };
      const { notifiers } = await office.start([hanging, failing, { ...pager(receiver.url), spacingMs: 0 }]);
      const cities = Array.from({ length: 20 }, (_, n) => `city-${n}`);
      await office.publish(...cities.map((city) => transition("firing", { minute: 6, city })));
      const pending = () => Object.fromEntries(notifiers.view().map((view) => [view.receiver, view.pending]));
      try {
        await office.until("all are paged", () => receiver.pages === 20 && pending().pagerduty === 0);
        assert.deepEqual(pending(), { hanging: 20, failing: 20, pagerduty: 0 });
      } finally {
        // One that hangs for good could not be stopped.
        letGo.resolve({ kind: "accepted", detail: "" });
      }
    }));
});

describe("an outbox and what people say", () => {
  const silence = {
    kind: "silence",
    id: "s1",
    rule: "*",
    city: "wien",
    by: "ada",
    why: "road works",
    at: isoTime(startMs),
    until: isoTime(startMs + 8 * minuteMs),
  } as const;

  it("a silence holds the trigger back until it ends", () =>
    scene(async (office, receiver) => {
      await office.write(silence);
      await office.start([pager(receiver.url)]);
      await office.publish(firing, transition("firing", { minute: 6, city: "graz" }));
      await office.until("the other city is paged", () => receiver.pages === 1);
      await office.pass(7 * minuteMs);
      assert.deepEqual([...receiver.open], ["test:cancellation_rate_high:graz"]);
      await office.pass(minuteMs);
      await office.until("it is paged", () => receiver.pages === 2);
    }));

  it("… or is ended by hand; a resolve is sent all the same", () =>
    scene(async (office, receiver) => {
      await office.start([pager(receiver.url)]);
      await office.publish(firing);
      await office.until("it is paged", () => receiver.pages === 1);
      await office.write(silence);
      await office.publish(resolved);
      await office.until("it is ended", () => receiver.ends === 1);
      await office.publish(transition("firing", { minute: 40, incident: "next" }));
      await office.pass(minuteMs);
      assert.equal(receiver.pages, 1);
      await office.write({ kind: "unsilence", id: "u1", silence_id: "s1", by: "ada", at: isoTime(startMs) });
      await office.until("the next is paged", () => receiver.pages === 2);
    }));

  it("an acknowledgement is passed on once", () =>
    scene(async (office, receiver) => {
      await office.start([pager(receiver.url)]);
      await office.publish(firing);
      await office.until("it is paged", () => receiver.pages === 1);
      await office.write({
        kind: "acknowledge",
        id: "a1",
        alert_id: firing.alert_id,
        rule: firing.rule,
        city: firing.city,
        by: "ada",
        why: "on it",
        at: isoTime(startMs),
      });
      await office.until("it is acknowledged", () => receiver.acknowledged.length === 1);
      await office.pass(3 * minuteMs);
      assert.deepEqual(inShort(receiver), ["trigger", "acknowledge"]);
    }));
});

describe("owners of alerts that crash, come late and change", () => {
  it("killed between sending and writing it down: the next one repeats, and nobody is paged twice", () =>
    scene(async (office, receiver) => {
      const first = await office.start([pager(receiver.url)], "first");
      receiver.answer = () => {
        first.kill();
        return taken();
      };
      await office.publish(firing);
      await office.until("it is paged", () => receiver.pages === 1);
      receiver.answer = taken;
      await office.start([pager(receiver.url)], "second");
      await first.expel();
      await office.until("it is told again", () => receiver.heard.length === 2);
      await office.publish(resolved);
      await office.until("it is ended", () => receiver.ends === 1);
      await office.pass(3 * minuteMs);
      assert.deepEqual([receiver.pages, receiver.ends, receiver.open.size], [1, 1, 0]);
    }));

  it("killed so, and over by the time the next one comes: the incident is ended", () =>
    scene(async (office, receiver) => {
      const first = await office.start([pager(receiver.url)], "first");
      receiver.answer = () => {
        first.kill();
        return taken();
      };
      await office.publish(firing);
      await office.until("it is paged", () => receiver.pages === 1);
      receiver.answer = taken;
      await office.publish(resolved);
      await office.start([pager(receiver.url)], "second");
      await first.expel();
      await office.until("it is ended", () => receiver.ends === 1);
      await office.pass(3 * minuteMs);
      assert.deepEqual([receiver.pages, receiver.open.size], [1, 0]);
    }));

  it("partitions that change hands in the middle of a burst change no count", () =>
    scene(async (office, receiver) => {
      await office.start([{ ...pager(receiver.url), spacingMs: 200 }], "first");
      const cities = Array.from({ length: 40 }, (_, n) => `city-${n}`);
      await office.publish(...cities.map((city) => transition("firing", { minute: 6, city })));
      await office.until("some are paged", () => receiver.pages >= 5);
      const second = await office.start([{ ...pager(receiver.url), spacingMs: 200 }], "second");
      await office.until("some more are paged", () => receiver.pages >= 15);
      await office.start([{ ...pager(receiver.url), spacingMs: 200 }], "third");
      second.kill();
      await second.expel();
      await office.until("all are paged", () => receiver.pages === 40);
      await office.publish(...cities.map((city) => transition("resolved", { minute: 20, city })));
      await office.until("all are ended", () => receiver.ends === 40);
      await office.pass(3 * minuteMs);
      assert.deepEqual([receiver.pages, receiver.ends, receiver.open.size], [40, 40, 0]);
    }, { partitions: 2 }));

  it("a late trigger of an old owner is ended again", () =>
    scene(async (office, receiver) => {
      await office.start([pager(receiver.url)]);
      await office.publish(firing);
      await office.until("it is paged", () => receiver.pages === 1);
      await office.publish(resolved);
      await office.until("it is ended", () => receiver.ends === 1);
      // As an old owner would, whose packet was under way for long.
      receiver.open.add(firing.dedup_key);
      await office.write(deliveryOf(firing, { id: "zombie/1", by: "zombie", atMs: office.clock.nowMs() }));
      await office.until("it is ended again", () => receiver.ends === 2);
      assert.equal(receiver.open.size, 0);
    }));

  it("an owner that cannot read its logs to their end stays quiet", () =>
    scene(async (office, receiver) => {
      const state = { cutOff: true };
      const { read } = office.log;
      office.log.read = (tp, offset, most) =>
        state.cutOff && tp.topic === "alert-journal" && offset > 0
          ? Promise.reject(new Error("cut off"))
          : read(tp, offset, most);
      await office.write({ kind: "unsilence", id: "u1", silence_id: "s1", by: "ada", at: isoTime(startMs) });
      await office.publish(firing);
      await office.start([pager(receiver.url)]);
      await office.pass(minuteMs);
      assert.equal(receiver.heard.length, 0);
      state.cutOff = false;
      await office.until("it is paged", () => receiver.pages === 1);
    }));
});
