/** Measurements as a table: a line for each system, the median of its runs, and its ratio to Waymark. */
import { median } from "../median.ts";
import type { Measured } from "./measure.ts";
import { systems } from "./systems.ts";

export function comparison(measured: readonly Measured[]): string {
  const names = [...new Set(measured.map(({ system }) => system))];
  const sizes = [...new Set(measured.map(({ events }) => events))].sort((a, b) => a - b);
  const [small, large] = [sizes[0]!, sizes.at(-1)!];
  const of = (system: string, events: number) =>
    measured.filter((m) => m.system === system && m.events === events);
  const cpu = (system: string, events: number) => median(of(system, events).map((m) => m.cpuSeconds));
  const lines = names.map((name) => {
    const total = large / cpu(name, large);
    const slope = (large - small) / (cpu(name, large) - cpu(name, small));
    return { name, total, slope, runs: of(name, large) };
  });
  const own = lines.find(({ name }) => name === "waymark");
  const rows = lines.map(({ name, total, slope, runs }) => [
    systems.find((s) => s.name === name)?.label ?? name,
    thousands(total),
    own === undefined ? "" : `${(own.total / total).toFixed(2)}×`,
    thousands(slope),
    own === undefined ? "" : `${(own.slope / slope).toFixed(2)}×`,
    median(runs.map((m) => m.seconds)).toFixed(1),
    String(median(runs.map((m) => m.peakMb))),
    of(name, small).concat(runs).every(({ correct }) => correct) ? "all right" : "WRONG",
  ]);
  const head = [
    ...["system", "total k/CPU-s", "Waymark is", "slope k/CPU-s", "Waymark is"],
    ...[`s for ${large.toLocaleString("en")}`, "peak MB", "windows"],
  ];
  const widths = head.map((text, i) => Math.max(text.length, ...rows.map((row) => row[i]!.length)));
  const line = (cells: readonly string[]) =>
    cells.map((cell, i) => i === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[i]!)).join("  ")
      .trimEnd();
  return [line(head), ...rows.map(line)].join("\n");
}

/** A slope of too small a difference is none. */
const thousands = (perSecond: number) =>
  Number.isFinite(perSecond) && perSecond > 0 ? (perSecond / 1_000).toFixed(0) : "–";
