/** How long each step of a ride took, as one bar to scale; a step that goes on is open at its end. */
import { type Markup, markup } from "../pages/markup.ts";
import { gapText } from "../pages/wording.ts";

export type Phase = { name: string; fromMs: number; toMs: number; goesOn: boolean };

const width = 1_000;

export function phasesBar(phases: readonly Phase[]): Markup {
  const [first, last] = [phases[0], phases.at(-1)];
  if (first === undefined || last === undefined) return markup``;
  const long = Math.max(1, last.toMs - first.fromMs);
  const said = phases.map(({ name, fromMs, toMs, goesOn }) =>
    `${name} ${gapText(toMs - fromMs)}${goesOn ? " so far" : ""}`
  );
  const rects = phases.map(({ name, fromMs, toMs, goesOn }) => {
    const x = (fromMs - first.fromMs) / long * width;
    const w = Math.max(2, (toMs - fromMs) / long * width - 3);
    return markup`<rect class="${name}${goesOn ? " open" : ""}" x="${x.toFixed(1)}" width="${
      w.toFixed(1)
    }" height="14"/>`;
  });
  return markup`<svg class="phases" viewBox="0 0 ${width} 14" preserveAspectRatio="none" role="img" aria-label="${
    said.join(", ")
  }">${rects}</svg><ul class="phase-names">${
    phases.map(({ name }, i) => markup`<li class="${name}">${said[i]}</li>`)
  }</ul>`;
}
