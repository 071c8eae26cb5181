/**
 * Owners that crash, stand still, come back late and repeat themselves, over one alert and a receiver that keeps
 * incidents by key as PagerDuty does: whatever happened, in the end an incident is open if and only if the newest
 * state fires.
 *
 * What is assumed of the world, and nothing else: a message arrives within `settleMs` of its announcement, or its
 * sender lives to settle it. The outbox sends on the strength of an announcement half as old, at most.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { AlertTransition } from "../../../schemas/alert.ts";
import type { Delivery, JournalFact } from "../../../schemas/alert_journal.ts";
import { isFiring, type Owed, owed } from "../../../src/alerts/due.ts";
import { emptyJournal, settleMs, takeFact } from "../../../src/alerts/journal.ts";
import { subjectOf } from "../../../src/alerts/newest.ts";
import { isoTime, minuteMs, secondMs } from "../../../src/time.ts";
import { deliveryOf, startMs, transition } from "./told.ts";

const freshMs = 5 * secondMs;

type Message = { owed: Owed; alert: AlertTransition; announcedMs: number; from: Owner };

type Owner = {
  name: string;
  alive: boolean;
  /** How far both logs were read, and when to their end. */
  alertsRead: number;
  journalRead: number;
  readToEndMs: number;
  announced: { owed: Owed; atMs: number; position: number } | null;
  /** Sent, and not settled in the journal. */
  unsettled: { owed: Owed; alert: AlertTransition; sentMs: number } | null;
  /** Its message came when it was overdue: it lives to settle it. */
  cameLate: boolean;
};

class World {
  nowMs = startMs;
  readonly alerts: AlertTransition[] = [];
  readonly journal: JournalFact[] = [];
  readonly owners: Owner[] = [];
  inFlight: Message[] = [];
  open = false;
  /** Incidents of which a trigger came. */
  readonly heard = new Set<string>();
  pages = 0;
  closed = 0;

  constructor() {
    for (const name of ["p", "q", "r"]) this.owners.push(this.born(name));
  }

  born(name: string): Owner {
    return {
      name,
      alive: true,
      alertsRead: 0,
      journalRead: 0,
      readToEndMs: -Infinity,
      announced: null,
      unsettled: null,
      cameLate: false,
    };
  }

  /** Pending, firing, resolved, pending, and so on: each incident has its name. */
  raise(): void {
    const n = this.alerts.length;
    const state = (["pending", "firing", "resolved"] as const)[n % 3]!;
    this.alerts.push(transition(state, { minute: n + 1, incident: `i${Math.floor(n / 3)}` }));
  }

  read(owner: Owner): void {
    owner.alertsRead = this.alerts.length;
    owner.journalRead = this.journal.length;
    owner.readToEndMs = this.nowMs;
  }

  owed(owner: Owner): Owed | null {
    const newest = this.alerts[owner.alertsRead - 1];
    if (newest === undefined) return null;
    const journal = emptyJournal();
    for (const fact of this.journal.slice(0, owner.journalRead)) takeFact(journal, fact);
    return owed({
      newest,
      told: journal.told.get("pagerduty")?.get(subjectOf(newest)) ?? null,
      silence: null,
      acknowledgement: null,
      wanted: true,
      acknowledges: false,
      perIncident: false,
      nowMs: this.nowMs,
    });
  }

  /** One step of the outbox: announce, send, or settle. */
  step(owner: Owner): void {
    if (!owner.alive) return;
    if (owner.unsettled !== null) return this.settle(owner);
    const due = this.nowMs - owner.readToEndMs <= freshMs ? this.owed(owner) : null;
    if (due === null) return void (owner.announced = null);
    const { announced } = owner;
    const known = announced !== null && announced.owed.kind === due.kind &&
      announced.owed.alertId === due.alertId && this.nowMs - announced.atMs < settleMs / 2;
    const alert = this.alerts[owner.alertsRead - 1]!;
    if (!known) {
      this.journal.push(this.fact(owner, { owed: due, alert }, "attempted"));
      owner.announced = { owed: due, atMs: this.nowMs, position: this.journal.length };
      return;
    }
    if (owner.journalRead < announced.position) return;
    this.inFlight.push({ owed: due, alert, announcedMs: announced.atMs, from: owner });
    owner.unsettled = { owed: due, alert, sentMs: this.nowMs };
  }

  settle(owner: Owner): void {
    // What its sender lives to settle has arrived by then: the answer to it is what is settled.
    this.arrive(this.inFlight.findIndex((message) => message.from === owner));
    this.journal.push({
      ...this.fact(owner, owner.unsettled!, "accepted"),
      at: isoTime(owner.unsettled!.sentMs),
    });
    // The outbox waits until it has read its own fact back.
    Object.assign(owner, { unsettled: null, announced: null, readToEndMs: -Infinity, cameLate: false });
  }

  fact(
    owner: Owner,
    { owed, alert }: { owed: Owed; alert: AlertTransition },
    outcome: Delivery["outcome"],
  ): Delivery {
    return deliveryOf(alert, {
      alert_id: owed.alertId,
      dedup_key: owed.dedupKey,
      state: owed.kind === "trigger" ? "firing" : "resolved",
      outcome,
      by: owner.name,
      atMs: this.nowMs,
    });
  }

  arrive(index: number): void {
    const [message] = index < 0 ? [] : this.inFlight.splice(index, 1);
    if (message === undefined) return;
    if (message.announcedMs + settleMs <= this.nowMs) message.from.cameLate = true;
    if (message.owed.kind === "trigger" && !this.open) this.pages++;
    if (message.owed.kind === "resolve" && this.open) this.closed++;
    this.open = message.owed.kind === "trigger";
    if (this.open) this.heard.add(message.owed.alertId);
  }

  /** What a dead sender had sent never comes. */
  lose(): void {
    this.inFlight = this.inFlight.filter((message) => message.from.alive);
  }

  crash(owner: Owner): void {
    if (owner.cameLate) this.settle(owner);
    owner.alive = false;
    // What is assumed of the world: overdue by then, it never comes.
    this.inFlight = this.inFlight.filter((m) => m.from !== owner || m.announcedMs + settleMs > this.nowMs);
    const at = this.owners.indexOf(owner);
    this.owners[at] = this.born(`${owner.name}'`);
  }

  wait(ms: number): void {
    this.nowMs += ms;
    // What nobody lives to settle arrives in time.
    const late = this.inFlight.filter((m) => !m.from.alive && m.announcedMs + settleMs <= this.nowMs);
    for (const message of late) this.arrive(this.inFlight.indexOf(message));
  }

  /** Everybody is well again, and time passes. */
  heal(): void {
    for (let turn = 0; turn < 60; turn++) {
      for (const owner of this.owners) {
        this.read(owner);
        this.step(owner);
        this.read(owner);
        this.step(owner);
      }
      this.wait(20 * secondMs);
    }
    assert.deepEqual(this.inFlight, []);
  }

  firing(): boolean {
    const newest = this.alerts.at(-1);
    return newest !== undefined && isFiring(newest);
  }
}

type Act = { kind: (typeof kinds)[number]; owner: number; size: number };
const kinds = ["raise", "work", "work", "step", "arrive", "wait", "crash", "lose"] as const;
const acts = fc.array(
  fc.record({ kind: fc.constantFrom(...kinds), owner: fc.nat(2), size: fc.nat(5) }),
  { maxLength: 80, size: "max" },
);

function act(world: World, { kind, size }: Act, owner: Owner): void {
  switch (kind) {
    case "raise":
      return world.raise();
    case "work":
      world.read(owner);
      return world.step(owner);
    case "step":
      return world.step(owner);
    case "arrive":
      return world.arrive(size % Math.max(1, world.inFlight.length));
    case "wait":
      return world.wait([1, 3, 10, 40, 90, 200][size]! * secondMs);
    case "crash":
      return world.crash(owner);
    case "lose":
      return world.lose();
  }
}

function run(all: readonly Act[], { crashes }: { crashes: boolean }): World {
  const world = new World();
  for (const one of all) {
    if (one.kind === "crash" && !crashes) continue;
    act(world, one, world.owners[crashes ? one.owner : 0]!);
  }
  world.heal();
  return world;
}

describe("owed()", () => {
  it("is nothing for an owner that has read less of the alerts than was told of, whatever it would say", () => {
    const journal = emptyJournal();
    const over = transition("resolved", { minute: 9 });
    takeFact(journal, deliveryOf(over));
    const told = journal.told.get("pagerduty")!.get(subjectOf(over))!;
    const standing = {
      ...{ told, silence: null, acknowledgement: null, wanted: true, acknowledges: true, perIncident: false },
      nowMs: startMs + 10 * minuteMs,
    };
    assert.equal(owed({ ...standing, newest: transition("firing", { minute: 8 }) }), null);
    assert.equal(owed({ ...standing, newest: transition("firing", { minute: 10 }) })?.kind, "trigger");
  });
});

describe("owed(): owners that crash, stand still and repeat themselves", () => {
  it("ends with an open incident if and only if the newest state fires", () => {
    fc.assert(
      fc.property(acts, (all) => {
        const world = run(all, { crashes: true });
        assert.equal(world.open, world.firing());
        if (world.open) assert.ok(world.heard.has(world.alerts.at(-1)!.alert_id), "nobody was told of it");
      }),
      { numRuns: 2_000 },
    );
  });

  it("settles: once it is right, nothing more is owed to anybody", () => {
    fc.assert(
      fc.property(acts, (all) => {
        const world = run(all, { crashes: true });
        for (const owner of world.owners) {
          world.read(owner);
          assert.equal(world.owed(owner), null);
        }
      }),
      { numRuns: 500 },
    );
  });

  it("with one owner that lives, nothing is paged or ended twice", () => {
    fc.assert(
      fc.property(acts, (all) => {
        const world = run(all, { crashes: false });
        const incidents = world.alerts.filter((alert) => alert.state === "firing").length;
        assert.ok(world.pages <= incidents, `${world.pages} pages for ${incidents} incidents`);
        assert.equal(world.pages - world.closed, world.open ? 1 : 0);
        assert.equal(world.open, world.firing());
      }),
      { numRuns: 1_000 },
    );
  });

  it("finds an owner that forgets what was announced", () => {
    // The same world over a journal without announcements: the property must be able to fail.
    const forgetful = new World();
    forgetful.raise();
    forgetful.raise();
    const [p, q] = forgetful.owners as [Owner, Owner];
    forgetful.read(p);
    forgetful.step(p);
    forgetful.read(p);
    forgetful.step(p);
    forgetful.crash(p);
    forgetful.arrive(0);
    forgetful.journal.splice(0);
    forgetful.raise();
    forgetful.wait(minuteMs);
    forgetful.read(q);
    assert.equal(forgetful.owed(q), null);
    assert.equal(forgetful.open, true);
  });
});
