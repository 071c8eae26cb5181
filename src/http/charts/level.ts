/** How bad something is, as a shape that can be told without colour. */
import { type Markup, markup } from "../pages/markup.ts";

export type Level = "well" | "watch" | "fault";

const shapes: Record<Level, Markup> = {
  well: markup`<circle class="line" cx="8" cy="8" r="6.5"/><path class="line" d="m4.8 8.2 2.3 2.4 4.2-4.8"/>`,
  watch: markup`<circle class="line" cx="8" cy="8" r="6.5"/><path class="line" d="M8 4.6v4.2M8 10.4v1.3"/>`,
  fault: markup`<path class="fill" d="M8 1.2 15.4 14.4H.6Z"/><path class="cut" d="M8 6v4M8 11.6v1.2"/>`,
};

export const levelMark = (level: Level): Markup =>
  markup`<svg class="mark" viewBox="0 0 16 16" aria-hidden="true">${shapes[level]}</svg>`;
