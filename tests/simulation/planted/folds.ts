/** Planted bugs of folds: what a snapshot leaves out, what is not of the log, what depends on arrival. */
import { type Bug, change } from "./bug.ts";

const rides = "src/stages/rides.ts";
const cities = "src/stages/cities.ts";
const merge = "src/windows/merge.ts";
const closings = "src/windows/closings.ts";
const sources = "src/windows/sources.ts";

export const foldBugs: readonly Bug[] = [
  {
    name: "dedup set missing from the snapshot",
    by: "simulation",
    changes: [
      change(
        "src/stages/ride_entries.ts",
        "events.push(ints[i + at.seenCount]!);",
        "events.push(0);\n    continue;",
      ),
    ],
  },
  {
    name: "timers missing from the snapshot: open requests are not restored",
    by: "simulation",
    changes: [change("src/stages/ride_counts.ts", "this.#open.restore(open);", "void open;")],
  },
  {
    name: "watermark missing from the snapshot",
    by: "simulation",
    changes: [
      change(rides, "this.#intake.watermark.restore(watermarkMs as number | null);", "void watermarkMs;"),
    ],
  },
  {
    name: "positions of registers missing from the snapshot",
    by: "simulation",
    changes: [
      change(
        "src/windows/minute_panes.ts",
        "this.#numbers[at + position] = held;",
        "void held;",
      ),
    ],
  },
  {
    name: "wall clock in a fold",
    by: "simulation",
    changes: [
      change(
        "src/stages/intake.ts",
        "import { isoTime } from",
        "import { isoTime, systemClock } from",
      ),
      change(
        "src/stages/intake.ts",
        "`${Math.round(lateMs / 1_000)} s behind the watermark`",
        "`${Math.round((systemClock.nowMs() - eventMs) / 1_000)} s behind the watermark`",
      ),
    ],
  },
  {
    name: "Map order in an output: the source that came last in a Map speaks for all",
    by: "simulation",
    changes: [change(closings, "total[i] = (total[i] ?? 0) + values[i]!;", "total[i] = values[i]!;")],
  },
  {
    name: "a ride evicted before its duplicates can arrive",
    by: "simulation",
    changes: [
      change(
        rides,
        "latestMs + (hasEnded ? endedRideMs : Math.max(limits.rideMsMax, endedRideMs));",
        "latestMs + (hasEnded ? 0 * endedRideMs : Math.max(limits.rideMsMax, endedRideMs));",
      ),
    ],
  },
  {
    name: "panes of a partition dropped before its late events can arrive",
    by: "simulation",
    changes: [change(
      "src/stages/ride_counts.ts",
      "this.panes.dropBefore(paneStart(watermarkMs) - Math.max(windowMs, latenessMs));",
      "this.panes.dropBefore(paneStart(watermarkMs) - Math.min(windowMs, latenessMs) + paneMs);",
    )],
  },
  {
    name: "register compared by arrival instead of position",
    by: "simulation",
    changes: [
      change(
        "src/windows/pane_registers.ts",
        "if (numbers[held + position]! >= at) return false;",
        "if (numbers[held + position]! === at) return false;",
      ),
    ],
  },
  {
    name: "panes recreated after eviction",
    by: "simulation",
    changes: [change(
      merge,
      'if (paneStartMs - this.#windowMs + paneMs < this.#droppedBelowMs) return "missed";',
      'if (paneStartMs < this.#droppedBelowMs) return this.#keep(paneStartMs, register) ? "changed" : "unchanged";',
    )],
  },
  {
    name: "alert taken from registers instead of closing registers",
    by: "simulation",
    changes: [change(
      cities,
      "this.#judge.judgeRides(name, { boundaryMs, knownMs: passed.knownMs }, sums.get(name), out);",
      "const now = city.panes.window(boundaryMs);\n        this.#judge.judgeRides(name, { boundaryMs, knownMs: passed.knownMs }, now === null ? undefined : [0, 0, ...now.values], out);",
    )],
  },
  {
    name: "a gauge read at flush time",
    by: "simulation",
    changes: [
      change(rides, "#nextOffset = 0;", "#nextOffset = 0;\n  #later: number[] = [];"),
      change(
        rides,
        "for (const boundaryMs of passed) this.#close(boundaryMs, true);",
        "this.#later.push(...passed);",
      ),
      change(
        rides,
        "flush(out: Outbox): boolean {",
        "flush(out: Outbox): boolean {\n    for (const boundaryMs of this.#later.splice(0)) this.#close(boundaryMs, true);",
      ),
    ],
  },
  {
    name: "idleness that changes a count: the watermark takes the stand-in over",
    by: "simulation",
    changes: [change(
      "src/stages/partial_writer.ts",
      "const standInMs = watermark.standIn(at.quiet);",
      "const standInMs = watermark.standIn(at.quiet);\n    watermark.restore(standInMs ?? watermark.ms);",
    )],
  },
  {
    name: "alert evaluated in wall time",
    by: "simulation",
    changes: [
      change(
        cities,
        'import { utf8 } from "../ids.ts";',
        'import { utf8 } from "../ids.ts"; import { systemClock } from "../time.ts";',
      ),
      change(
        cities,
        "this.#judge.judgeRides(name, { boundaryMs, knownMs: passed.knownMs }, sums.get(name), out);",
        "this.#judge.judgeRides(name, { boundaryMs: systemClock.nowMs(), knownMs: passed.knownMs }, sums.get(name), out);",
      ),
    ],
  },
  {
    name: "resolve forgotten after a restart: alerts are not restored",
    by: "simulation",
    changes: [change("src/stages/city_alerts.ts", "this.#memories = new Map(memories);", "void memories;")],
  },
  {
    name: "closed boundaries are not restored",
    by: "simulation",
    changes: [change(
      cities,
      "[this.#rideClosedMs, this.#supplyClosedMs] = data.slice(0, 2)",
      "[] = data.slice(0, 2)",
    )],
  },
  {
    name: "closings compared by arrival instead of position",
    by: "tests/unit/windows/closings_test.ts",
    changes: [
      change(
        closings,
        "else if (all[at]!.position < position) all[at] = said;",
        "else if (all[at]!.position !== position) all[at] = said;",
      ),
    ],
  },
  {
    name: "an older report takes a source back",
    by: "tests/unit/windows/sources_test.ts",
    changes: [
      change(
        sources,
        "source.watermarkMs = Math.max(source.watermarkMs ?? said.watermarkMs, said.watermarkMs);",
        "source.watermarkMs = said.watermarkMs;",
      ),
    ],
  },
  {
    name: "an idle declaration from before the newest record counts",
    by: "tests/unit/windows/sources_test.ts",
    changes: [
      change(
        sources,
        "if (said.idle !== undefined && said.nextOffset >= source.nextOffset) {",
        "if (said.idle !== undefined) {",
      ),
    ],
  },
  {
    name: "a closed window is not published again when it changes",
    by: "simulation",
    changes: [
      change(
        cities,
        'for (const [city, end] of revised) this.#publish(city, end, "revision", out);',
        "void revised;",
      ),
    ],
  },
  {
    name: "a late event is published as late and not counted in its window",
    by: "simulation",
    changes: [change(
      "src/stages/ride_counts.ts",
      'this.#countEvent(pane, city, event, event.type === "requested" ? event.pickup : null);',
      "if (pane.value(pane.row, field.total_events) > 3) this.#countEvent(pane, city, event, null);",
    )],
  },
  {
    name: "rev without its phase",
    by: "simulation",
    changes: [
      change("src/windows/rev.ts", 'padStart(14, "0")}${phase}`;', 'padStart(14, "0")}${phase && 0}`;'),
    ],
  },
  {
    name: "the skew allowed to a clock is not",
    by: "simulation",
    changes: [
      change(
        "src/windows/watermark.ts",
        'if (eventMs > recordMs + this.#settings.skewMs) return "future";',
        'if (eventMs > recordMs + 5 * this.#settings.skewMs) return "future";',
      ),
    ],
  },
  {
    name: "a fast clock moves the watermark past the record's time",
    by: "simulation",
    changes: [
      change(
        "src/windows/watermark.ts",
        "const next = Math.min(eventMs, recordMs) - this.#settings.delayMs;",
        "const next = eventMs - this.#settings.delayMs;",
      ),
    ],
  },
  {
    name: "the watermark on the first record of a flush instead of the last",
    by: "tests/unit/stages/partial_writer_test.ts",
    changes: [
      change(
        "src/stages/partial_writer.ts",
        "...(chunk === chunks - 1 ? tail : {}),",
        "...(chunk === 0 ? tail : {}),",
      ),
    ],
  },
  {
    name: "riders in a record of city-partials are taken as they come",
    by: "tests/fuzz/internal_records_test.ts",
    changes: [change("src/windows/partial.ts", "isPacked(riders);", 'typeof riders === "string";')],
  },
];
