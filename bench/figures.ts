/** Figures of several runs: median and range, as text, as JSON, and beside those of another commit. */
import { median } from "./median.ts";

export type Figure = { median: number; min: number; max: number };
export type Figures = Record<string, Figure>;

/** By name; a name that not every run has is left out. */
export function figuresOf(runs: readonly Record<string, number>[]): Figures {
  const names = Object.keys(runs[0] ?? {}).filter((name) => runs.every((run) => run[name] !== undefined));
  return Object.fromEntries(names.map((name) => {
    const values = runs.map((run) => run[name]!);
    return [name, { median: median(values), min: Math.min(...values), max: Math.max(...values) }];
  }));
}

/** How a figure is told: what stands before it, its unit and its decimals. */
export type Told = { label: string; unit: string; decimals: number };

/** A line per figure: median, range, and, where there are others, the ratio to them. */
export function table(told: Record<string, Told>, figures: Figures, others: Figures | null): string {
  const rows = Object.entries(told).flatMap(([name, { label, unit, decimals }]) => {
    const figure = figures[name];
    if (figure === undefined) return [];
    const text = (value: number) =>
      value.toLocaleString("en", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
    const other = others?.[name];
    return [[
      label,
      `${text(figure.median)} ${unit}`,
      `${text(figure.min)}–${text(figure.max)}`,
      ...(other === undefined ? [] : [`was ${text(other.median)}: ${ratio(figure, other)}`]),
    ]];
  });
  const widths = [0, 1, 2].map((i) => Math.max(0, ...rows.map((row) => row[i]!.length)));
  return rows.map(([label, value, range, other]) =>
    `${label!.padEnd(widths[0]!)}  ${value!.padStart(widths[1]!)}  ${range!.padStart(widths[2]!)}${
      other === undefined ? "" : `  ${other}`
    }`
  ).join("\n");
}

/** `~` where the ranges overlap: then it may be chance. */
function ratio(now: Figure, before: Figure): string {
  const overlap = now.min <= before.max && before.min <= now.max;
  if (before.median === 0) return overlap ? "~" : "from nothing";
  return `${overlap ? "~" : ""}${(now.median / before.median).toFixed(2)}×`;
}
