// Keeps an open page as a new one would be: the page's own address tells, as server-sent events, which parts have
// changed. When the connection is lost the page says so, and as of when its figures are, instead of looking alive.
import { announce } from "./announce.js";
import { elementsOf, morph, morphChildren } from "./morph.js";

const page = document.body.dataset;
const link = document.getElementById("link");
const lost = document.getElementById("lost");
const lostAfterMs = 12_000;
const waitMsMax = 30_000;
const restMs = 60_000;
const openedMs = Date.now();

let asOf = page.now;
let aheadMs = Date.parse(asOf) - openedMs;
let heardMs = Date.now();
let waitMs = 1_000;
let source = null;
let resting = 0;

const partOf = (name) => document.querySelector(`[data-part="${name}"]`);

function showPart(name, part) {
  const place = partOf(name);
  if (place === null) return;
  if (typeof part === "string") return morphChildren(place, elementsOf(part));
  const known = new Map([...place.children].map((line) => [line.dataset.key, line]));
  const news = [];
  for (const [key, markup] of Object.entries(part.lines)) {
    const line = elementsOf(markup).firstElementChild;
    const shown = known.get(key);
    if (shown === undefined) {
      known.set(key, line);
      place.append(line);
    } else {
      const said = shown.dataset.say;
      morph(shown, line);
      if (said !== undefined && said !== shown.dataset.say) news.push(shown.dataset.say);
    }
  }
  announce(...news);
  if (part.order !== undefined) arrange(place, known, part.order);
}

/** The order follows, unless someone is reading: a row must not run away from under a finger. */
function arrange(place, known, order) {
  const wanted = new Set(order);
  for (const [key, line] of known) if (!wanted.has(key)) line.remove();
  if (place.matches(":hover") || place.contains(document.activeElement)) {
    place.pending = order;
    return;
  }
  place.pending = undefined;
  let at = place.firstElementChild;
  for (const key of order) {
    const line = known.get(key);
    if (line === undefined) continue;
    if (line === at) at = at.nextElementSibling;
    else place.insertBefore(line, at);
  }
}

function arrangePending() {
  for (const place of document.querySelectorAll("[data-part]")) {
    if (place.pending === undefined) continue;
    arrange(place, new Map([...place.children].map((line) => [line.dataset.key, line])), place.pending);
  }
}

function showLink(live) {
  document.body.classList.toggle("lost", !live);
  link.className = live ? "link is-live" : "link is-lost";
  const text = live ? "live" : "lost";
  if (link.lastElementChild.textContent !== text) link.lastElementChild.textContent = text;
  if (lost.hidden === live) return;
  lost.hidden = live;
  if (live) return;
  lost.innerHTML = `Connection lost, trying again. Figures are as of ${asOf.slice(11, 19)} UTC, <span data-age="${asOf}"></span> ago.`;
  showAges();
}

function heard(now) {
  asOf = page.now = now;
  aheadMs = Date.parse(now) - Date.now();
  heardMs = Date.now();
  waitMs = 1_000;
  showLink(true);
}

/** A page that has become another one (restored at last, gone, of a newer release) is asked for anew. */
function isOther({ kind, release }) {
  if (kind === page.kind && (release === page.release || Date.now() - openedMs < restMs)) return false;
  source.close();
  setTimeout(() => location.reload(), Math.max(0, 3_000 - (Date.now() - openedMs)));
  return true;
}

function connect() {
  heardMs = Date.now();
  source = new EventSource(location.pathname + location.search);
  source.addEventListener("page", (event) => {
    const told = JSON.parse(event.data);
    if (isOther(told)) return;
    heard(told.now);
    document.title = told.title;
    for (const [name, part] of Object.entries(told.parts)) showPart(name, part);
    showAges();
  });
  source.addEventListener("beat", (event) => heard(JSON.parse(event.data).now));
  source.addEventListener("end", reconnect);
  source.addEventListener("error", () => {
    showLink(false);
    if (source.readyState === EventSource.CLOSED) reconnect();
  });
}

function reconnect() {
  source.close();
  source = null;
  showLink(false);
  setTimeout(() => source ?? connect(), waitMs);
  waitMs = Math.min(waitMs * 2, waitMsMax);
}

/** The same words as ageText() in src/http/pages/wording.ts. */
function ageText(ms) {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 120) return `${s} s`;
  if (s < 7200) return `${Math.round(s / 60)} min`;
  if (s < 172800) return `${Math.round(s / 3600)} h`;
  return s < 63115200 ? `${Math.round(s / 86400).toLocaleString("en-GB")} days` : `${Math.round(s / 31557600)} years`;
}

function showAges() {
  const now = Date.now() + aheadMs;
  for (const age of document.querySelectorAll("[data-age]")) {
    const text = ageText(now - Date.parse(age.dataset.age));
    if (age.textContent !== text) age.textContent = text;
  }
}

setInterval(() => {
  showAges();
  arrangePending();
  if (source?.readyState === EventSource.OPEN && Date.now() - heardMs > lostAfterMs) reconnect();
}, 1_000);

// Browsers allow six connections to a host over HTTP/1.1: tabs that nobody looks at let theirs go.
document.addEventListener("visibilitychange", () => {
  clearTimeout(resting);
  if (document.hidden) {
    resting = setTimeout(() => {
      source?.close();
      source = null;
      showLink(false);
    }, restMs);
  } else if (source === null) connect();
});

connect();
