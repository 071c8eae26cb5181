// Keeps the operations page current: rows and status come over /v1/stream, and only what changed is written.
// When the connection is lost the page says so, and as of when its figures are, instead of looking alive.
import { columns, headlineHtml, rowHtml, stateText, summaryText } from "./row.js";

const byId = (id) => document.getElementById(id);
const body = byId("rows");
const rows = new Map();
const lostAfterMs = 10_000;
const waitMsMax = 30_000;

let status = null;
let aheadMs = 0;
let heardMs = 0;
let waitMs = 1_000;
let source = null;
let reading = false;

for (const row of body.querySelectorAll("tr[data-city]")) rows.set(row.dataset.city, { element: row, state: null });

const serverNow = () => Date.now() + aheadMs;

function write(element, html) {
  if (element.lastHtml === html) return;
  element.lastHtml = html;
  element.innerHTML = html;
}

function showRow(row) {
  let shown = rows.get(row.city);
  if (shown === undefined) {
    const holder = document.createElement("tbody");
    holder.innerHTML = rowHtml(row);
    shown = { element: holder.firstElementChild, state: row.state };
    rows.set(row.city, shown);
    body.append(shown.element);
  } else {
    shown.element.className = `is-${row.state}`;
    for (const cell of shown.element.cells) {
      const column = columns.find((c) => c.key === cell.dataset.key);
      if (column !== undefined) write(cell, column.html(row));
    }
  }
  if (shown.state !== null && shown.state !== row.state) {
    byId("announce").textContent = `${row.city}: ${stateText(row)}`;
  }
  shown.state = row.state;
}

/** Cities that the server does not name any more leave; the order follows unless someone is reading the table. */
function arrange(order) {
  const wanted = new Set(order);
  for (const [city, { element }] of rows) {
    if (wanted.has(city)) continue;
    element.remove();
    rows.delete(city);
  }
  byId("page").classList.toggle("empty", order.length === 0);
  byId("empty").hidden = order.length > 0;
  byId("board").hidden = order.length === 0;
  if (reading) return;
  let at = body.firstElementChild;
  for (const city of order) {
    const element = rows.get(city)?.element;
    if (element === undefined) continue;
    if (element === at) at = at.nextElementSibling;
    else body.insertBefore(element, at);
  }
}

function showStatus() {
  if (status === null) return;
  write(byId("headline"), headlineHtml(status, serverNow()));
  byId("summary").textContent = summaryText(status);
  const trouble = byId("trouble");
  trouble.hidden = status.trouble.length === 0;
  const text = status.trouble.join(" · ");
  if (trouble.textContent !== text) trouble.textContent = text;
  document.title = (status.states.firing > 0 ? `(${status.states.firing} firing) ` : "") + "City operations · Waymark";
}

function showLink(live) {
  const link = byId("link");
  document.body.classList.toggle("lost", !live);
  const asOf = status === null ? byId("page").dataset.now : status.now;
  const text = live ? "live" : `connection lost, showing data as of ${asOf.slice(11, 19)} UTC`;
  link.className = live ? "link is-live" : "link is-lost";
  if (link.lastElementChild.textContent !== text) link.lastElementChild.textContent = text;
}

function heard() {
  heardMs = Date.now();
  waitMs = 1_000;
  showLink(true);
}

function connect() {
  heardMs = Date.now();
  source = new EventSource("/v1/stream?events=city,status");
  source.addEventListener("city", (event) => {
    heard();
    showRow(JSON.parse(event.data));
  });
  source.addEventListener("status", (event) => {
    status = JSON.parse(event.data);
    aheadMs = Date.parse(status.now) - Date.now();
    heard();
    arrange(status.order);
    showStatus();
  });
  source.addEventListener("end", () => reconnect());
  source.addEventListener("error", () => {
    showLink(false);
    if (source.readyState === EventSource.CLOSED) reconnect();
  });
}

function reconnect() {
  source.close();
  showLink(false);
  setTimeout(connect, waitMs);
  waitMs = Math.min(waitMs * 2, waitMsMax);
}

setInterval(() => {
  const silent = Date.now() - heardMs > lostAfterMs;
  if (silent && source.readyState === EventSource.OPEN) reconnect();
  showStatus();
}, 1_000);

body.addEventListener("pointerenter", () => reading = true);
body.addEventListener("pointerleave", () => reading = false);
connect();
