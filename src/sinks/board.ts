/**
 * The board: what a node knows of published windows and alerts, by reading them back like any other reader.
 *
 * It belongs to no group and commits nothing. Windows are read from the offset of (log clock − 5 min) on, and those of
 * the three hours before it afterwards: a process that is begun again must soon be asked, and an open window is published
 * many times a second. Alerts are read from the start of their log (few, and one that has been firing for four hours
 * must not be missed). What it shows is chosen by `rev`, so it may read a record twice, late or in any order and end the
 * same. Of the versions of a window that one read brings only the newest is looked into.
 *
 *   analytics-aggregated ─► readWindow ─► CityWindows per city (newest rev; bounded by count, because a replay
 *                                         plays old event times today)          ─► subscribers
 *   alerts               ─► readAlert  ─► BoardAlerts (newest transition of each incident) ─► subscribers
 *   alert-journal        ─► readJournalFact ─► what people and receivers said about alerts
 *   city-cells           ─► readCells  ─► newest boundary of each city
 *   ride-facts           ─► readEnded  ─► BoardRides (last cancelled rides of each city)
 */
import type { CityCells } from "../../schemas/city_cells.ts";
import { emptyJournal, silenceOf, takeFact } from "../alerts/journal.ts";
import { readAlert, readJournalFact } from "../codec/alert_record.ts";
import type { Board, BoardChange } from "../http/handles.ts";
import { limits } from "../limits.ts";
import type { Log, LogRecord } from "../log/port.ts";
import { readNext } from "../log/read_next.ts";
import { topicName, type TopicNaming } from "../log/topics.ts";
import { metrics } from "../telemetry/metrics.ts";
import { type Clock, hourMs, minuteMs, secondMs } from "../time.ts";
import { sliceTurn } from "../turns.ts";
import { BoardAlerts } from "./board_alerts.ts";
import { BoardRides } from "./board_rides.ts";
import { isCompleted, readCells, readEnded, readWindow, versionsOf } from "./board_records.ts";
import { CityWindows } from "./board_windows.ts";

export type BoardOptions = {
  log: Log;
  naming: TopicNaming;
  clock: Clock;
  /** How far back windows are read. Default 3 h. */
  lookBackMs?: number;
  /** How far back windows are read before it is started. Default 5 min. */
  recentMs?: number;
  /** The longest time by which a window's first version can precede its end: window + skew. Default 10 min. */
  earliestMs?: number;
  /** Default limits.boardWindowsMax. */
  windowsMax?: number;
  /** Default limits.boardCitiesMax. */
  citiesMax?: number;
};

export type RunningBoard = Board & {
  /** Ends reading; resolves when no read is under way. */
  stop(): Promise<void>;
};

const retryMs = secondMs;
/** How long what was read is taken in before others run. */
const sliceMs = 4;
/** Cells come once a minute; older ones are no news. */
const cellsBackMs = 15 * minuteMs;
/** Facts of finished rides read back at the start, of each partition. */
const factsBack = 4_000;

/**
 * Resolves once everything recent has been read; until the windows before it are, too, `completeFromMs` says from when on
 * all are there.
 */
export async function startBoard(options: BoardOptions): Promise<RunningBoard> {
  const { log, naming, clock, windowsMax = limits.boardWindowsMax, citiesMax = limits.boardCitiesMax } =
    options;
  const cities = new Map<string, CityWindows>();
  const changedMs = new Map<string, number>();
  const alerts = new BoardAlerts();
  const journal = emptyJournal();
  const cells = new Map<string, CityCells>();
  const rides = new BoardRides(citiesMax);
  const listeners = new Set<(change: BoardChange) => void>();
  const stopping = new AbortController();

  const passOver = (reason: "unreadable" | "cities_exceeded") => metrics.boardPassedOver.inc({ reason });
  const tell = (change: BoardChange) => listeners.forEach((listener) => listener(change));

  const takeWindows = (isNews: boolean) => (records: readonly LogRecord[]) => {
    for (const { newest, others } of versionsOf(records)) {
      if (!takeWindow(newest, isNews)) { for (const other of others) takeWindow(other, isNews); }
    }
  };

  /** False when it cannot be read. */
  function takeWindow(record: LogRecord, isNews: boolean): boolean {
    const version = readWindow(record.value);
    if (version === null) {
      passOver("unreadable");
      return false;
    }
    const windows = windowsOf(version.window.city);
    if (windows === undefined) passOver("cities_exceeded");
    else if (windows.put(version)) {
      const { city } = version.window;
      changedMs.set(city, Math.max(changedMs.get(city) ?? 0, record.timestampMs));
      if (isNews) tell({ kind: "window", window: version.window });
    }
    return true;
  }

  function windowsOf(city: string): CityWindows | undefined {
    const known = cities.get(city);
    if (known !== undefined || cities.size >= citiesMax) return known;
    const created = new CityWindows(windowsMax);
    cities.set(city, created);
    return created;
  }

  function takeAlert(record: LogRecord): void {
    const alert = readAlert(record.value);
    if (alert === null) return passOver("unreadable");
    if (alerts.put(alert)) tell({ kind: "alert", alert });
  }

  /** A fact for every city stands on every partition, in the same order on each. */
  function takeNote(record: LogRecord): void {
    const fact = readJournalFact(record.value);
    if (fact === null) passOver("unreadable");
    else takeFact(journal, fact);
  }

  function takeCells(record: LogRecord): void {
    const read = readCells(record.value);
    if (read === null) return passOver("unreadable");
    const known = cells.get(read.city);
    if (known === undefined && cells.size >= citiesMax) return passOver("cities_exceeded");
    const newer = known === undefined || read.at > known.at || (read.at === known.at && read.rev > known.rev);
    if (newer) cells.set(read.city, read);
  }

  function takeEnded(record: LogRecord): void {
    // Every ride has a fact, and the lists are short: what changes none of them is not read.
    if (record.key !== null && isCompleted(record.value) && !rides.mayBeListed(record.key)) return;
    const ended = readEnded(record.value);
    if (ended === null) passOver("unreadable");
    else rides.put(ended);
  }

  const { lookBackMs = 3 * hourMs, recentMs = 5 * minuteMs, earliestMs = 10 * minuteMs } = options;
  const startedMs = log.clockMs();
  const windowsTopic = topicName("analytics-aggregated", naming);
  const windowsFrom = await offsetsAt(log, windowsTopic, startedMs - lookBackMs);
  const recentFrom = await offsetsAt(log, windowsTopic, startedMs - Math.min(recentMs, lookBackMs));
  const earlier = windowsFrom.flatMap((next, partition) => {
    const until = recentFrom[partition]!;
    return next < until ? [{ tp: { topic: windowsTopic, partition }, next, until }] : [];
  });
  /** The time from which every version of every window has been read; 0 when that is all there ever was. */
  function readFromMs(): number {
    if (earlier.length > 0) return startedMs - recentMs + earliestMs;
    return windowsFrom.some((offset) => offset > 0) ? startedMs - lookBackMs + earliestMs : 0;
  }

  const alertsTopic = topicName("alerts", naming);
  const alertsFrom = (await log.bounds(alertsTopic)).map((bounds) => bounds.start);

  const journalTopic = topicName("alert-journal", naming);
  const journalFrom = (await log.bounds(journalTopic)).map((bounds) => bounds.start);

  const cellsTopic = topicName("city-cells", naming);
  const cellsFrom = await offsetsAt(log, cellsTopic, log.clockMs() - cellsBackMs);
  const factsTopic = topicName("ride-facts", naming);
  const factsFrom = (await log.bounds(factsTopic)).map(({ start, end }) => Math.max(start, end - factsBack));

  const following = [
    { topic: windowsTopic, next: recentFrom, take: takeWindows(true) },
    { topic: alertsTopic, next: alertsFrom, take: each(takeAlert) },
    { topic: journalTopic, next: journalFrom, take: each(takeNote) },
    { topic: cellsTopic, next: cellsFrom, take: each(takeCells) },
    { topic: factsTopic, next: factsFrom, take: each(takeEnded) },
  ];
  await Promise.all(following.map((followed) => readOn({ log, clock }, followed)));

  async function readEarlier(): Promise<void> {
    for (let part = earlier[0]; part !== undefined && !stopping.signal.aborted; part = earlier[0]) {
      try {
        const records = await readNext(log, part.tp, part.next);
        takeWindows(false)(records);
        part.next = (records.at(-1)?.offset ?? Infinity) + 1;
        if (part.next >= part.until) earlier.shift();
        await sliceTurn(clock);
      } catch {
        await clock.sleep(retryMs, stopping.signal);
      }
    }
  }

  const loops = [
    ...following.map((followed) => follow({ log, clock, signal: stopping.signal }, followed)),
    readEarlier(),
  ];

  return {
    cities: () => [...cities.keys()],
    windows: (city, range) => cities.get(city)?.range(range) ?? [],
    current: (city) => cities.get(city)?.current(log.clockMs()) ?? { live: null, closed: null },
    changedMs: (city) => changedMs.get(city) ?? null,
    alerts: () => alerts.list(),
    notes: (alert, nowMs) => ({
      silence: silenceOf(journal, alert, nowMs),
      acknowledgement: journal.acknowledgements.get(alert.alert_id) ?? null,
      deliveries: [...journal.deliveries.get(alert.alert_id)?.values() ?? []].map((
        { receiver, state, outcome, detail, at },
      ) => ({ receiver, state, outcome, detail, at })),
    }),
    silences: (nowMs) =>
      [...journal.silences.values()].filter((silence) => Date.parse(silence.until) > nowMs)
        .sort((a, b) => a.until < b.until ? -1 : a.until > b.until ? 1 : 0),
    cells: (city) => cells.get(city) ?? null,
    cancelled: (city) => rides.list(city),
    completeFromMs: (city) =>
      Math.max(
        readFromMs(),
        ...(city === undefined ? [...cities.values()] : [cities.get(city)]).map((w) =>
          w?.completeFromMs ?? 0
        ),
      ),
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async stop() {
      stopping.abort();
      await Promise.all(loops);
    },
  };
}

type Followed = { topic: string; next: number[]; take(records: readonly LogRecord[]): void };

const each = (take: (record: LogRecord) => void) => (records: readonly LogRecord[]) => records.forEach(take);

async function offsetsAt(log: Log, topic: string, timeMs: number): Promise<number[]> {
  const bounds = await log.bounds(topic);
  return Promise.all(bounds.map((_, partition) => log.offsetAt({ topic, partition }, timeMs)));
}

type Reading = { log: Log; clock: Clock; signal?: AbortSignal };

async function follow(reading: Reading & { signal: AbortSignal }, followed: Followed): Promise<void> {
  const { log, clock, signal } = reading;
  while (!signal.aborted) {
    // Waiting begins before reading: an append in between ends the wait at once instead of being missed.
    const appended = log.appended(followed.topic, signal);
    try {
      await readOn(reading, followed);
    } catch {
      await clock.sleep(retryMs, signal);
      continue;
    }
    await appended;
  }
}

/**
 * Reads every partition up to its end, in slices that let others run. Partitions are asked for side by side: under load
 * each answer of a broker is waited for longer than it takes to be read.
 */
async function readOn({ log, clock, signal }: Reading, { topic, next, take }: Followed): Promise<void> {
  const hasMore = (partition: number) => log.hasMore({ topic, partition }, next[partition]!);
  let open = next.map((_, partition) => partition).filter(hasMore);
  let sliceFromMs = clock.monotonicMs();
  while (open.length > 0 && signal?.aborted !== true) {
    const read = await Promise.all(
      open.map((partition) => readNext(log, { topic, partition }, next[partition]!)),
    );
    for (const [i, records] of read.entries()) {
      if (records.length === 0) continue;
      next[open[i]!] = records.at(-1)!.offset + 1;
      take(records);
      if (clock.monotonicMs() - sliceFromMs <= sliceMs) continue;
      await sliceTurn(clock);
      sliceFromMs = clock.monotonicMs();
    }
    open = open.filter((partition, i) => read[i]!.length > 0 && hasMore(partition));
  }
}
