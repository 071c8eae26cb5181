/**
 * A setting that changes numbers: a new generation beside the old one, cut at a minute boundary C.
 *
 * What each generation gives alone is known from runs of its own; together they must give, up to C, what the old one
 * gives, and from there on what the new one does, whoever dies in between.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AlertTransition } from "../../schemas/alert.ts";
import type { CityWindow } from "../../schemas/city_window.ts";
import type { Config } from "../../src/config.ts";
import type { LogRecord } from "../../src/log/port.ts";
import { startBoard } from "../../src/sinks/board.ts";
import { isoTime, minuteMs, systemClock } from "../../src/time.ts";
import { randomFrom } from "../../src/traffic/random.ts";
import { recordsOf, valueOf } from "./published.ts";
import { storm, stormStartMs } from "./storm.ts";
import {
  generationOf,
  type Kill,
  newestAlerts,
  newestFacts,
  newestWindows,
  type RecordedFact,
  sideBySide,
  type Told,
  toldBy,
} from "./two_generations.ts";

const items = storm(7);
/** In the middle of the wave of cancels: with windows of five minutes alder's alert is firing. */
const cutMs = stormStartMs + 22 * minuteMs;
const cut = isoTime(cutMs);

const old: Partial<Config> = { WAYMARK_GENERATION: 1 };
const hasty: Partial<Config> = { WAYMARK_GENERATION: 2, WAYMARK_LATENESS_MS: 2 * minuteMs };
const until: Partial<Config> = { WAYMARK_PUBLISH_UNTIL: cutMs };
const from: Partial<Config> = { WAYMARK_PUBLISH_FROM: cutMs };

const alone = (config: Partial<Config>) => toldBy(items, { generations: [config] });
const [oldAlone, hastyAlone] = [await alone(old), await alone(hasty)];

const isUpToCut = (w: Pick<CityWindow, "window_end">) => w.window_end <= cut;

/** By key, the bytes without the remarks. */
const bytesOf = (windows: Map<string, CityWindow>): Map<string, string> =>
  new Map([...windows].map(([key, window]) => [key, JSON.stringify(valueOf(window))]));

const sorted = <T>(entries: [string, T][]): Map<string, T> =>
  new Map(entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));

/** The newest windows of one up to the cut, of the other after it. */
function windowsCut(before: Told, after: Told): Map<string, string> {
  return bytesOf(sorted([
    ...[...newestWindows(before.windows)].filter(([, w]) => isUpToCut(w)),
    ...[...newestWindows(after.windows)].filter(([, w]) => !isUpToCut(w)),
  ]));
}

function factsCut(before: Told, after: Told): Map<string, RecordedFact> {
  return newestFacts([
    ...before.facts.filter(({ recorded }) => recorded <= cut),
    ...after.facts.filter(({ recorded }) => recorded > cut),
  ]);
}

/** The same of what names its source in its headers. */
function sourcesCut(before: LogRecord[], after: LogRecord[]) {
  const recorded = ({ headers }: LogRecord) => headers!.source_timestamp!;
  return recordsOf([
    ...before.filter((r) => recorded(r) <= cut),
    ...after.filter((r) => recorded(r) > cut),
  ]);
}

/** Open alerts with their beginnings. */
function open(alerts: readonly AlertTransition[]): Map<string, string> {
  return new Map(
    [...newestAlerts(alerts)].filter(([, a]) => a.state !== "resolved").map((
      [key, a],
    ) => [key, `${a.state} since ${a.since}`]),
  );
}

/** Everything that readers end with. */
function assertCut(told: Told, before: Told, after: Told): void {
  assert.deepEqual(bytesOf(newestWindows(told.windows)), windowsCut(before, after));
  assert.deepEqual(newestFacts(told.facts), factsCut(before, after));
  assert.deepEqual(recordsOf(told.late), sourcesCut(before.late, after.late));
  assert.deepEqual(recordsOf(told.dead), sourcesCut(before.dead, after.dead));
  assert.deepEqual(open(told.alerts), open(after.alerts));
}

/** No window and no fact under both generations. */
function assertOnce(told: Told): void {
  const generations = new Map<string, Set<number>>();
  const note = (key: string, generation: number) =>
    generations.set(key, (generations.get(key) ?? new Set()).add(generation));
  for (const w of told.windows) note(`${w.city}|${w.window_start}|${w.window_end}`, generationOf(w));
  for (const fact of told.facts) note(fact.fact_id, fact.generation);
  assert.deepEqual([...generations].filter(([, both]) => both.size > 1), []);
}

describe("two generations with different lateness, cut at C", () => {
  it("differ on both sides of C, so that a wrong side would be seen", () => {
    const [a, b] = [newestWindows(oldAlone.windows), newestWindows(hastyAlone.windows)];
    const differing = [...a].filter(([key, w]) => w.total_events !== b.get(key)?.total_events);
    assert.ok(differing.filter(([, w]) => isUpToCut(w)).length > 5);
    assert.ok(differing.filter(([, w]) => !isUpToCut(w)).length > 5);
    assert.ok(
      oldAlone.facts.some((f) => f.recorded <= cut) && hastyAlone.facts.some((f) => f.recorded > cut),
    );
  });

  for (const owners of [1, 3]) {
    it(`publish what each gives on its side and nothing twice, with ${owners} owners each`, async () => {
      const told = await toldBy(items, {
        generations: [{ ...old, ...until }, { ...hasty, ...from }],
        owners,
      });
      assertCut(told, oldAlone, hastyAlone);
      assertOnce(told);
    });
  }

  it("go on revising, each on its side: the old one's late events change windows up to C", async () => {
    // In steps, so that windows have been told before late events come for them.
    const step = Math.ceil(items.length / 20);
    const told = await toldBy(items, { generations: [{ ...old, ...until }, { ...hasty, ...from }], step });
    const revised = told.windows.filter((w) => w.kind === "revision" && isUpToCut(w));
    assert.ok(revised.length > 0 && revised.every((w) => generationOf(w) === 1));
    assert.ok(told.windows.filter((w) => !isUpToCut(w)).every((w) => generationOf(w) === 2));
  });

  for (const seed of [1, 2, 3]) {
    it(`give the same when either is killed again and again, story ${seed}`, async () => {
      const random = randomFrom(seed, "generations");
      const kills: Kill[] = Array.from({ length: 6 }, () => random.below(items.length)).sort((a, b) => a - b)
        .map((sent) => ({
          items: sent,
          which: random.below(2),
          folded: random.below(sent + 1),
          snapshotted: random.chance(0.7),
        }));
      const told = await toldBy(items, {
        generations: [{ ...old, ...until }, { ...hasty, ...from }],
        owners: seed === 2 ? 3 : 1,
        kills,
      });
      assertCut(told, oldAlone, hastyAlone);
      assertOnce(told);
    });
  }

  it("give the same when the old one is told of C by a restart, a window's length before it", async () => {
    const before = items.filter((item) => item.recordedAtMs! < cutMs - 5 * minuteMs).length;
    const told = await toldBy(items, {
      generations: [old, { ...hasty, ...from }],
      kills: [{ items: before, which: 0, folded: before, config: until }],
    });
    assertCut(told, oldAlone, hastyAlone);
  });

  it("show on one board as one: windows of both, the alert as the new one has it", async () => {
    const { log, dispose } = await sideBySide(items, {
      generations: [{ ...old, ...until }, { ...hasty, ...from }],
    });
    const board = await startBoard({
      ...{ log, clock: systemClock },
      naming: { prefix: "", generation: 2 },
    });
    const shown = board.cities().flatMap((city) =>
      board.windows(city, { fromMs: 0, untilMs: Number.MAX_SAFE_INTEGER, limit: 1_000 })
    );
    assert.deepEqual(bytesOf(newestWindows(shown)), windowsCut(oldAlone, hastyAlone));
    assert.deepEqual(cancellations(board.alerts()).filter((alert) => alert.state !== "resolved"), []);
    await board.stop();
    await dispose();
  });
});

/** Those of the one rule that these rides can fire alone. */
const cancellations = (alerts: readonly AlertTransition[]) =>
  alerts.filter((a) => a.rule === "cancellation_rate_high");

describe("the alerts at C", () => {
  const fine: Partial<Config> = { WAYMARK_GENERATION: 2, WAYMARK_WINDOW_MS: minuteMs };
  const at = (alerts: readonly AlertTransition[], generation: number) =>
    alerts.filter((a) => a.window_end === cut && generationOf(a) === generation);

  it("are open in the old generation alone", () => {
    const upToCut = oldAlone.alerts.filter((a) => a.window_end <= cut);
    assert.deepEqual([...open(cancellations(upToCut))], [[
      "cancellation_rate_high|alder",
      "firing since 2026-01-15T18:13:00.000Z",
    ]]);
  });

  it("are said once by the new one, every city it knows, those that it does not have open as resolved", async () => {
    const told = await toldBy(items, { generations: [{ ...old, ...until }, { ...fine, ...from }] });
    assert.deepEqual(
      at(cancellations(told.alerts), 2).map((a) => [a.city, a.state, a.since]).sort(),
      [["alder", "resolved", cut], ["birch", "resolved", cut], ["unknown", "resolved", cut]],
    );
    assert.deepEqual([...open(told.alerts)], []);
    assert.ok(told.alerts.every((a) => generationOf(a) === (a.window_end < cut ? 1 : 2)));
  });

  it("leave nothing open on the board that the new one does not have open", async () => {
    const { log, dispose } = await sideBySide(items, {
      generations: [{ ...old, ...until }, { ...fine, ...from }],
    });
    const board = await startBoard({ ...{ log, clock: systemClock }, naming: { prefix: "", generation: 2 } });
    const alder = cancellations(board.alerts()).filter((a) => a.city === "alder");
    assert.deepEqual(alder.map((a) => [a.state, a.window_end]), [["resolved", cut]]);
    assert.deepEqual(board.alerts().filter((a) => a.state !== "resolved"), []);
    await board.stop();
    await dispose();
  });

  it("that fire in both go on as the same incident", async () => {
    const told = await toldBy(items, { generations: [{ ...old, ...until }, { ...hasty, ...from }] });
    const alder = cancellations(told.alerts).filter((a) => a.city === "alder").map((a) => [
      ...[generationOf(a), a.state, a.window_end.slice(11, 16)],
      a.alert_id,
    ]);
    const incident = "cancellation_rate_high/alder/2026-01-15T18:13:00.000Z";
    assert.deepEqual(alder.sort(), [
      [1, "firing", "18:18", incident],
      [1, "pending", "18:13", incident],
      [2, "firing", "18:22", incident],
      [2, "resolved", "18:37", incident],
    ]);
  });

  it("are the same with kills and with three owners", async () => {
    const kills = [1_200, 1_700, 2_100].map((sent) => ({
      ...{ items: sent, which: 1, folded: sent - 100, snapshotted: true },
    }));
    const generations = [{ ...old, ...until }, { ...hasty, ...from }];
    const straight = await toldBy(items, { generations });
    const killed = await toldBy(items, { generations, owners: 3, kills });
    const distinct = (alerts: AlertTransition[]) => new Set(alerts.map((a) => JSON.stringify(a)).sort());
    assert.deepEqual(distinct(killed.alerts), distinct(straight.alerts));
  });
});

describe("a new window length", () => {
  // A window is known by its start: the longer ones begin where the last shorter ones before C did, and replace them.
  for (const minutes of [1, 10]) {
    const other = { WAYMARK_GENERATION: 2, WAYMARK_WINDOW_MS: minutes * minuteMs };

    it(`of ${minutes} min gives the old windows that end by C and the new ones that end later`, async () => {
      const otherAlone = await alone(other);
      const told = await toldBy(items, { generations: [{ ...old, ...until }, { ...other, ...from }] });
      assert.deepEqual(bytesOf(newestWindows(told.windows)), windowsCut(oldAlone, otherAlone));
      assertOnce(told);
      const byEnd = (windows: readonly CityWindow[], isOn: (w: CityWindow) => boolean) =>
        new Set([...newestWindows(windows.filter(isOn)).values()].map((w) => JSON.stringify(valueOf(w))));
      assert.deepEqual(byEnd(told.windows, isUpToCut), byEnd(oldAlone.windows, isUpToCut));
    });
  }
});

describe("a cut that was forgotten on one side", () => {
  it("without WAYMARK_PUBLISH_UNTIL both publish what ends after C, and the new one's wins", async () => {
    const told = await toldBy(items, { generations: [old, { ...hasty, ...from }] });
    const after = told.windows.filter((w) => !isUpToCut(w));
    assert.deepEqual(new Set(after.map(generationOf)), new Set([1, 2]));
    const [windows, expected] = [bytesOf(newestWindows(told.windows)), windowsCut(oldAlone, hastyAlone)];
    // What only the old one has an event or an outcome of, nobody replaces.
    const [oldWindows, facts] = [newestWindows(oldAlone.windows), factsCut(oldAlone, hastyAlone)];
    for (const key of windows.keys()) {
      if (!expected.has(key)) assert.equal(generationOf(oldWindows.get(key)!), 1);
    }
    assert.deepEqual(new Map([...windows].filter(([key]) => expected.has(key))), expected);
    const both = [...newestFacts(told.facts)];
    assert.deepEqual(new Map(both.filter(([id]) => facts.has(id))), facts);
    assert.ok(both.every(([id, fact]) => facts.has(id) || fact.generation === 1));
  });

  it("without WAYMARK_PUBLISH_FROM everything that the new one finds in the log becomes its own", async () => {
    const told = await toldBy(items, { generations: [{ ...old, ...until }, hasty] });
    const own = bytesOf(newestWindows(hastyAlone.windows));
    const newest = bytesOf(newestWindows(told.windows));
    assert.deepEqual(new Map([...newest].filter(([key]) => own.has(key))), own);
    assert.ok([...newestWindows(told.windows)].some(([, w]) => isUpToCut(w) && generationOf(w) === 2));
  });
});
