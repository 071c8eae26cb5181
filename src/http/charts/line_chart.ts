/**
 * Lines over time, drawn by hand: axes as text beside the drawing, so that it can stretch and the words cannot.
 *
 * Lines are told apart by dashes too; what they say newest stands in the caption, and tables have the rest.
 */
import { type Markup, markup } from "../pages/markup.ts";

export type Series = {
  name: string;
  /** At even steps of time; null where nothing is known. */
  values: readonly (number | null)[];
};

export type LineChart = {
  title: string;
  /** Two at most. */
  series: readonly Series[];
  /** Writes a value of this chart. */
  text(value: number | null): string;
  /** Under the drawing, at even distances. */
  times: readonly string[];
  /** The top of the axis is at least this. */
  leastTop: number;
  /** Bottom of the axis. Default 0. */
  bottom?: number;
  limit?: { value: number; text: string };
  /** Shaded, as shares of the width. */
  bands?: readonly (readonly [from: number, to: number])[];
};

const width = 600;
const height = 100;

export function lineChart(chart: LineChart): Markup {
  const { title, series, text, times, limit, bottom = 0, bands = [] } = chart;
  const known = series.flatMap(({ values }) => values.filter((value) => value !== null));
  const top = niceTop(Math.max(chart.leastTop, limit?.value ?? 0, ...known));
  const y = (value: number) => Math.round((1 - (value - bottom) / (top - bottom)) * height * 10) / 10;
  const newest = series.map(({ name, values }) => ({
    name,
    value: values.findLast((v) => v !== null) ?? null,
  }));
  const said = newest.map(({ name, value }) => `${name} now ${text(value)}`).join(", ");
  const notes = [limit?.text, bands.length === 0 ? undefined : "shaded while an alert fired"].filter((note) =>
    note !== undefined
  );
  return markup`<figure class="chart"><figcaption><b>${title}</b>${
    newest.map(({ name, value }, i) =>
      markup`<span class="s${i}"><svg viewBox="0 0 18 8" aria-hidden="true"><path d="M0 4h18"/></svg>${name} <b>${
        text(value)
      }</b></span>`
    )
  }${notes.length === 0 ? null : markup`<span class="quiet">${notes.join("; ")}</span>`}</figcaption>
<div class="plot"><div class="ys" aria-hidden="true"><span>${text(top)}</span><span>${
    text((top + bottom) / 2)
  }</span><span>${
    text(bottom)
  }</span></div><svg viewBox="0 0 ${width} ${height}" preserveAspectRatio="none" role="img" aria-label="${title}: ${said}">${
    bands.map(([from, to]) =>
      markup`<rect class="band" x="${Math.round(from * width)}" width="${
        Math.max(2, Math.round((to - from) * width))
      }" height="${height}"/>`
    )
  }<path class="grid" d="M0 .5h${width}M0 ${height / 2}h${width}M0 ${height - .5}h${width}"/>${
    limit === undefined ? null : markup`<path class="limit" d="M0 ${y(limit.value)}h${width}"/>`
  }${series.map(({ values }, i) => markup`<path class="s${i}" d="${pathOf(values, y)}"/>`)}</svg></div>
<div class="xs" aria-hidden="true">${times.map((time) => markup`<span>${time}</span>`)}</div></figure>`;
}

/** Broken where nothing is known. */
function pathOf(values: readonly (number | null)[], y: (value: number) => number): string {
  const step = width / Math.max(1, values.length - 1);
  let path = "";
  values.forEach((value, i) => {
    if (value === null) return;
    const starts = i === 0 || values[i - 1] === null;
    path += `${starts ? "M" : "L"}${Math.round(i * step)} ${y(value)}`;
  });
  return path;
}

/** The next of 1, 2, 3, 4, 5, 6, 8 and 10 times a power of ten: halves of them are short numbers too. */
export function niceTop(value: number): number {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 3, 4, 5, 6, 8, 10].map((n) => n * power).find((n) => n >= value * 0.999) ?? 10 * power;
}
