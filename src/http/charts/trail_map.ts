/** Where a driver was: the last points in order, each with the shape of its status, the newest one ringed. */
import type { TrailPoint } from "../handles.ts";
import { type Markup, markup } from "../pages/markup.ts";
import { type Point, projectionOf, scaleBar } from "./projection.ts";

const size = { width: 480, height: 320, margin: 26, leastMetres: 300 };

const short = (n: number): string => String(Math.round(n * 10) / 10);

export function trailMap(trail: readonly TrailPoint[], heading: number | null): Markup {
  const projection = projectionOf(trail, size);
  const points = trail.map((point) => projection.at(point));
  const last = points.at(-1);
  if (last === undefined) return markup`<p class="quiet">No point is known.</p>`;
  const bar = scaleBar(projection.metresPerUnit, 120);
  const line = points.map(({ x, y }) => `${short(x)},${short(y)}`).join(" ");
  return markup`<svg class="map" viewBox="0 0 ${size.width} ${size.height}" role="img" aria-label="The last ${trail.length} positions; the table below has them in words"><polyline class="way" points="${line}"/>${
    points.map((point, i) => statusShape(trail[i]!.status, point))
  }<circle class="here" cx="${short(last.x)}" cy="${short(last.y)}" r="10"/>${
    heading === null ? null : headingShape(last, heading)
  }<path class="scale" d="M16 ${size.height - 16}v5h${short(bar.units)}v-5"/><text x="${
    short(22 + bar.units)
  }" y="${size.height - 10}">${bar.text}</text></svg>`;
}

/** Told by shape: ring, half, disc, cross. */
export function statusShape(status: string | null, { x, y }: Point): Markup {
  const [cx, cy] = [short(x), short(y)];
  switch (status) {
    case "available":
      return markup`<circle class="ring" cx="${cx}" cy="${cy}" r="4.5"/>`;
    case "en_route":
      return markup`<circle class="ring" cx="${cx}" cy="${cy}" r="4.5"/><path class="disc" d="M${cx} ${
        short(y - 4.5)
      }a4.5 4.5 0 0 1 0 9Z"/>`;
    case "on_trip":
      return markup`<circle class="disc" cx="${cx}" cy="${cy}" r="5"/>`;
    case "offline":
      return markup`<path class="cross" d="M${short(x - 4)} ${short(y - 4)}l8 8m0-8l-8 8"/>`;
    default:
      return markup`<circle class="dot" cx="${cx}" cy="${cy}" r="2.5"/>`;
  }
}

/** A tip outside the ring, towards where it goes; 0 is north. */
function headingShape({ x, y }: Point, heading: number): Markup {
  return markup`<path class="tip" d="M0 -19l5 8h-10Z" transform="translate(${short(x)} ${short(y)}) rotate(${
    short(heading)
  })"/>`;
}

export const statusKey = (status: string): Markup =>
  markup`<svg class="key" viewBox="-7 -7 14 14" aria-hidden="true">${
    statusShape(status, { x: 0, y: 0 })
  }</svg>`;
