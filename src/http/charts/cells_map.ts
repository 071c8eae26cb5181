/**
 * A city by H3 cells: how many rides are wanted in each, where the price is raised. Drawn on its own grid with a
 * scale; nothing is fetched from anywhere. Colours are one hue from light to dark, and prices are written down.
 */
import { outlineOf } from "../../../actors/cell.ts";
import type { CityCells } from "../../../schemas/city_cells.ts";
import { type Markup, markup } from "../pages/markup.ts";
import { projectionOf, scaleBar } from "./projection.ts";

const size = { width: 640, height: 420, margin: 14, leastMetres: 1_500 };
/** Of a city with more cells those with most requests and drivers are drawn. */
export const cellsShownMax = 160;
const shades = 5;

export function cellsMap({ cells }: Pick<CityCells, "cells">): Markup {
  const shown = busiestCells(cells).slice(0, cellsShownMax).map((cell) => ({
    cell,
    outline: outlineOf(cell[0]),
  }))
    .filter(({ outline }) => outline.length > 0);
  if (shown.length === 0) return markup`<p class="quiet">No cell has anything to show.</p>`;
  const projection = projectionOf(shown.flatMap(({ outline }) => outline), size);
  const most = Math.max(1, ...shown.map(({ cell }) => cell[1]));
  const bar = scaleBar(projection.metresPerUnit, 140);
  const drawn = shown.map(({ cell: [, requests, available, surge], outline }) => {
    const corners = outline.map((place) => projection.at(place));
    const points = corners.map(({ x, y }) => `${Math.round(x)},${Math.round(y)}`).join(" ");
    const [x, y] = [middle(corners.map((c) => c.x)), middle(corners.map((c) => c.y))];
    const wide = Math.max(...corners.map((c) => c.x)) - Math.min(...corners.map((c) => c.x));
    const raised = surge > 1;
    const shade = requests === 0 ? 0 : 1 + Math.min(shades - 1, Math.floor(requests / most * shades));
    return markup`<g class="q${shade}"><title>${requests} wanted, ${available} free, ${
      surge.toFixed(1)
    }×</title><polygon class="${raised ? "raised" : ""}" points="${points}"/>${
      raised && wide > 24
        ? markup`<text x="${Math.round(x)}" y="${Math.round(y) + 4}">${surge.toFixed(1)}</text>`
        : null
    }</g>`;
  });
  return markup`<svg class="map cells" viewBox="0 0 ${size.width} ${size.height}" role="img" aria-label="${shown.length} cells by rides wanted; the table has the busiest in words">${drawn}<path class="scale" d="M16 ${
    size.height - 16
  }v5h${Math.round(bar.units)}v-5"/><text class="scale-text" x="${Math.round(22 + bar.units)}" y="${
    size.height - 10
  }">${bar.text}</text></svg>
<p class="legend cells"><span class="q0">none</span>${
    Array.from({ length: shades }, (_, i) => {
      const text = shadeText(i, most);
      return text === null ? null : markup`<span class="q${i + 1}">${text}</span>`;
    })
  }<span class="raised">raised price</span></p>`;
}

export function busiestCells(cells: CityCells["cells"]): CityCells["cells"] {
  return cells.toSorted((a, b) => b[3] - a[3] || b[1] - a[1] || b[2] - a[2] || (a[0] < b[0] ? -1 : 1));
}

/** Which numbers of requests have the shade; null for one that has none. */
function shadeText(shade: number, most: number): string | null {
  const from = Math.max(1, Math.ceil(shade * most / shades));
  const to = shade === shades - 1 ? most : Math.ceil((shade + 1) * most / shades) - 1;
  return to < from ? null : from === to ? `${from}` : `${from}–${to}`;
}

const middle = (values: readonly number[]): number => values.reduce((sum, v) => sum + v, 0) / values.length;
