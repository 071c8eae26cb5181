// The operations table as text: from a city's row and the status line to HTML, used by the server for the first
// paint and by the browser for every change after it, so that both always say the same. Pure; no clock, no DOM.

/** @typedef {import("../city_row.ts").CityRow} CityRow */
/** @typedef {import("../status_view.ts").StatusView} StatusView */
/** @typedef {{ key: string, label: string, help: string, html: (row: CityRow) => string }} Column */

const none = "–";
const thin = "\u202f";
const numbers = new Intl.NumberFormat("en-GB");

/** @param {string} text */
export const escapeHtml = (text) =>
  text.replace(/[&<>"']/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" })[c] ?? c);

/** @param {number | null | undefined} n */
const whole = (n) => n === null || n === undefined ? none : numbers.format(n);
/** @param {number | null | undefined} share @param {number} digits */
const percent = (share, digits) =>
  share === null || share === undefined ? none : `${(share * 100).toFixed(digits)}${thin}%`;

/** Hours and minutes, or with seconds, of a time on the wire. @param {string | null} iso */
export const clockOf = (iso, seconds = false) => iso === null ? none : iso.slice(11, seconds ? 19 : 16);

/** The window whose figures are shown: the one that moves, else the last complete one, unless it is old news.
 * @param {CityRow} row */
const shownWindow = (row) => row.state === "no_data" ? null : row.live ?? row.closed;

/** @param {import("../../../schemas/city_window.ts").CityWindow} w */
const endedOf = (w) =>
  w.rides_completed + w.rides_cancelled_by_rider + w.rides_cancelled_by_driver + w.rides_cancelled_by_system;

/** One shape per state, so that it can be told without colour. */
const shapes = {
  firing: '<path class="fill" d="M8 1.6 15.2 14.2H.8Z"/><path class="cut" d="M8 6v4M8 11.6v1.2"/>',
  watching: '<circle class="line" cx="8" cy="8" r="6"/><path class="fill" d="M8 2a6 6 0 0 1 0 12Z"/>',
  no_data: '<circle class="line dash" cx="8" cy="8" r="6"/><path class="line" d="M3.9 12.1 12.1 3.9"/>',
  ok: '<circle class="fill" cx="8" cy="8" r="4"/>',
  too_few: '<circle class="line" cx="8" cy="8" r="4"/>',
};

/** @param {CityRow} row */
export function stateText(row) {
  switch (row.state) {
    case "firing":
      return `firing since ${clockOf(row.since)}`;
    case "watching":
      return `watching ${row.watched_minutes ?? 0} of 5 min`;
    case "no_data":
      return "no fresh data";
    case "ok":
      return "ok";
    default:
      return "too few rides";
  }
}

/** @param {CityRow} row */
function stateHtml(row) {
  const extra = row.state === "no_data" ? `<small>last ${clockOf(row.since)}</small>` : "";
  return `<span class="state"><svg class="mark" viewBox="0 0 16 16" aria-hidden="true">${shapes[row.state]}</svg>` +
    `<span>${stateText(row)}${extra}</span></span>`;
}

/** @param {CityRow} row */
function completionHtml(row) {
  const w = shownWindow(row);
  if (w === null || w.completion_rate === null) return none;
  const ended = endedOf(w);
  const judged = ended >= 20;
  const tone = !judged ? "few" : w.completion_rate < 0.7 ? "bad" : w.completion_rate < 0.78 ? "warn" : "";
  const title = `${whole(w.rides_completed)} of ${whole(ended)} ended rides were completed`;
  return `<span class="${tone}" title="${title}">${percent(w.completion_rate, 1)}</span>`;
}

const barScale = 0.5;
const barWidth = 120;

/** A bar over 0 to 50 % of ended rides in three parts, with a mark at the alert's 30 %. @param {CityRow} row */
function cancelledHtml(row) {
  const w = shownWindow(row);
  if (w === null || w.cancellation_rate === null) return `<span class="cancelled"><b>${none}</b></span>`;
  const ended = endedOf(w);
  const parts = [
    ["rider", w.rides_cancelled_by_rider],
    ["driver", w.rides_cancelled_by_driver],
    ["system", w.rides_cancelled_by_system],
  ];
  let x = 0;
  let rects = "";
  for (const [who, count] of parts) {
    const width = Math.min(barWidth - x, Number(count) / ended / barScale * barWidth);
    if (width > 0) rects += `<rect class="${who}" x="${x.toFixed(1)}" width="${Math.max(0.5, width - 1).toFixed(1)}" height="10"/>`;
    x += width;
  }
  const said = parts.map(([who, count]) => `${who} ${percent(Number(count) / ended, 1)}`).join(", ");
  const few = ended < 20 ? ' class="few"' : "";
  return `<span class="cancelled" title="${said}; of ${whole(ended)} ended rides"><b${few}>${percent(w.cancellation_rate, 1)}</b>` +
    `<svg class="bar" viewBox="0 0 ${barWidth} 10" preserveAspectRatio="none" role="img" aria-label="${said}">` +
    `<rect class="track" width="${barWidth}" height="10"/>${rects}` +
    `<rect class="limit" x="${0.3 / barScale * barWidth - 0.5}" y="0" width="1" height="10"/></svg></span>`;
}

/** @param {CityRow} row */
function acceptHtml(row) {
  const seconds = shownWindow(row)?.request_to_accept_p50_s ?? null;
  if (seconds === null) return none;
  return `<span class="${seconds > 90 ? "warn" : ""}">${whole(Math.round(seconds))}${thin}s</span>`;
}

/** Gauges are known once a window has closed. @param {CityRow} row */
const supplyOf = (row) => row.state === "no_data" ? null : row.supply;

/** @param {CityRow} row */
function hourHtml(row) {
  const values = row.requests_last_hour?.values ?? [];
  const known = values.filter((v) => v !== null);
  const most = Math.max(1, ...known);
  const width = 120, height = 28, pad = 3;
  const points = values.map((v, i) =>
    v === null ? null : [i / 59 * (width - 2 * pad) + pad, height - pad - v / most * (height - 2 * pad)]
  ).filter((p) => p !== null);
  const last = points.at(-1);
  if (last === undefined || points.length < 2) return none;
  const line = points.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ");
  const area = `${points[0][0].toFixed(1)},${height} ${line} ${last[0].toFixed(1)},${height}`;
  const now = known.at(-1) ?? 0;
  return `<svg class="hour" viewBox="0 0 ${width} ${height}" preserveAspectRatio="xMinYMid" role="img" aria-label="requests per five minutes over the last hour: ` +
    `now ${whole(now)}, at most ${whole(Math.max(0, ...known))}"><polygon points="${area}"/><polyline points="${line}"/>` +
    `<circle cx="${last[0].toFixed(1)}" cy="${last[1].toFixed(1)}" r="2"/></svg>`;
}

/** In the order of the table; the city itself stands before them. @type {Column[]} */
export const columns = [
  { key: "state", label: "State", help: "of the cancellation alert: above 30 % for 5 minutes", html: stateHtml },
  { key: "completion", label: "Completed", help: "completed rides of those that ended", html: completionHtml },
  { key: "cancelled", label: "Cancelled", help: "cancelled rides of those that ended, by whom", html: cancelledHtml },
  { key: "accept", label: "To accept", help: "median wait from request to acceptance", html: acceptHtml },
  { key: "requests", label: "Requests", help: "in the five-minute window", html: (row) => whole(shownWindow(row)?.requests) },
  { key: "open", label: "Open", help: "requests waiting for a driver", html: (row) => whole(supplyOf(row)?.open_requests) },
  { key: "free", label: "Free", help: "drivers available", html: (row) => whole(supplyOf(row)?.available_drivers) },
  { key: "busy", label: "In use", help: "drivers on a ride or on the way, of those on duty", html: (row) => percent(supplyOf(row)?.utilisation, 0) },
  { key: "surge", label: "Surge", help: "price factor", html: (row) => {
    const surge = supplyOf(row)?.surge ?? null;
    return surge === null ? none : `${surge.toFixed(2)}${thin}×`;
  } },
  { key: "hour", label: "Last hour", help: "requests per five minutes, complete windows only", html: hourHtml },
  { key: "events", label: "Events", help: "in the five-minute window", html: (row) => whole(shownWindow(row)?.total_events) },
];

/** A whole row. @param {CityRow} row */
export function rowHtml(row) {
  const cells = columns.map(({ key, label, html }) =>
    `<td role="cell" class="c-${key}" data-key="${key}" data-label="${label}">${html(row)}</td>`
  ).join("");
  const city = escapeHtml(row.city);
  return `<tr role="row" class="is-${row.state}" data-city="${city}">` +
    `<th role="rowheader" scope="row" class="c-city" title="${city}">${city}</th>${cells}</tr>`;
}

/** How long ago, in the one unit that says enough. @param {number} ms */
export function durationText(ms) {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 120) return `${s} s`;
  if (s < 7200) return `${Math.round(s / 60)} min`;
  if (s < 172800) return `${Math.round(s / 3600)} h`;
  return s < 63115200 ? `${numbers.format(Math.round(s / 86400))} days` : `${Math.round(s / 31557600)} years`;
}

/** "Data complete to 12:03:00 UTC, 36 s behind", with what holds it back once that matters.
 * @param {StatusView} status @param {number} nowMs */
export function headlineHtml(status, nowMs) {
  const watermark = status.watermarks.rides;
  if (watermark === null) return "No watermark yet: nothing is complete so far";
  const behindMs = nowMs - Date.parse(watermark);
  const today = new Date(nowMs).toISOString().slice(0, 10) === watermark.slice(0, 10);
  const day = today ? "" : `${watermark.slice(0, 10)} `;
  const late = behindMs > 120000;
  const held = late && status.watermarks.held_by !== null ? `, held by ${escapeHtml(status.watermarks.held_by)}` : "";
  return `Data complete to <time datetime="${watermark}">${day}${clockOf(watermark, true)}</time> UTC, ` +
    `<span class="${late ? "warn" : ""}">${durationText(behindMs)} behind${held}</span>`;
}

const stateWords = { firing: "firing", watching: "watching", no_data: "without fresh data", ok: "ok", too_few: "with too few rides" };

/** "8 cities: 1 firing, 7 ok". @param {StatusView} status */
export function summaryText(status) {
  const cities = status.order.length;
  if (cities === 0) return "No cities yet";
  const parts = Object.entries(stateWords)
    .map(([state, words]) => [status.states[/** @type {keyof typeof stateWords} */ (state)], words])
    .filter(([count]) => Number(count) > 0)
    .map(([count, words]) => `${count} ${words}`);
  return `${cities === 1 ? "1 city" : `${cities} cities`}: ${parts.join(", ")}`;
}
