/** A line without axes, for a table's cell: the shape of the last hour, its newest point marked. */
import { type Markup, markup } from "../pages/markup.ts";
import { none, whole } from "../pages/wording.ts";

const width = 120;
const height = 28;
const pad = 3;

/** `values` at even steps, null where nothing is known. */
export function sparkline(values: readonly (number | null)[], of: string): Markup | string {
  const known = values.filter((v) => v !== null);
  if (known.length < 2) return none;
  const most = Math.max(1, ...known);
  const step = (width - 2 * pad) / Math.max(1, values.length - 1);
  const short = (n: number) => String(Math.round(n * 10) / 10);
  const points = values.flatMap((v, i) =>
    v === null ? [] : [`${short(i * step + pad)},${short(height - pad - v / most * (height - 2 * pad))}`]
  );
  const [first, last] = [points[0]!, points.at(-1)!];
  const xOf = (point: string) => point.slice(0, point.indexOf(","));
  const [cx, cy] = last.split(",");
  const said = `${of}: now ${whole(known.at(-1))}, at most ${whole(Math.max(...known))}`;
  return markup`<svg class="hour" viewBox="0 0 ${width} ${height}" preserveAspectRatio="xMinYMid" role="img" aria-label="${said}"><polygon points="${
    xOf(first)
  },${height} ${points.join(" ")} ${xOf(last)},${height}"/><polyline points="${
    points.join(" ")
  }"/><circle cx="${cx!}" cy="${cy!}" r="2"/></svg>`;
}
