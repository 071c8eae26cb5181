/** Who cancelled, of the rides that ended: a bar over 0 to 50 % in three parts, with a mark at the alert's limit. */
import type { CityWindow } from "../../../schemas/city_window.ts";
import { type Markup, markup } from "../pages/markup.ts";
import { none, percent, whole } from "../pages/wording.ts";
import { endedRides, floorEndedRides } from "../city_row.ts";

const scale = 0.5;
const limit = 0.3;
const width = 120;
const height = 10;

export function cancelledBar(window: CityWindow | null): Markup {
  if (window === null || window.cancellation_rate === null) {
    return markup`<span class="cancelled"><b>${none}</b></span>`;
  }
  const ended = endedRides(window);
  const parts = [
    ["rider", window.rides_cancelled_by_rider],
    ["driver", window.rides_cancelled_by_driver],
    ["system", window.rides_cancelled_by_system],
  ] as const;
  const said = parts.map(([who, count]) => `${who} ${percent(count / ended, 1)}`).join(", ");
  let x = 0;
  const rects = parts.map(([who, count]) => {
    const from = x;
    const long = Math.min(width - x, count / ended / scale * width);
    x += long;
    return long <= 0
      ? null
      : markup`<rect class="${who}" x="${from.toFixed(1)}" width="${
        Math.max(0.5, long - 1).toFixed(1)
      }" height="${height}"/>`;
  });
  const few = ended < floorEndedRides ? "few" : "";
  return markup`<span class="cancelled" title="${said}; of ${whole(ended)} ended rides"><b class="${few}">${
    percent(window.cancellation_rate, 1)
  }</b><svg class="bar" viewBox="0 0 ${width} ${height}" preserveAspectRatio="none" role="img" aria-label="${said}"><rect class="track" width="${width}" height="${height}"/>${rects}<rect class="limit" x="${
    limit / scale * width - 0.5
  }" width="1" height="${height}"/></svg></span>`;
}
