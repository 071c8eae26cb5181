/** Alerts as lines of a table: what fires, who was told of it, and what people said about it. */
import type { NotedAlert } from "../../../schemas/alert_notes.ts";
import { alertActs } from "./acting.ts";
import { cellsOf, type Column, line } from "./layout.ts";
import { type Markup, markup } from "./markup.ts";
import { cityPath } from "./city_path.ts";
import { clockOf, none, spaced, timeOf } from "./wording.ts";

const common: readonly Column[] = [
  { key: "state", label: "State" },
  { key: "since", label: "Since" },
  { key: "until", label: "Until" },
  { key: "told", label: "Told", help: "the last word of each receiver" },
  { key: "what", label: "What" },
];

/** Of one city, by rule. */
export const cityAlertColumns: readonly Column[] = [{ key: "name", label: "Rule" }, ...common];
/** Of all cities. */
export const allAlertColumns: readonly Column[] = [
  { key: "name", label: "City" },
  { key: "rule", label: "Rule" },
  ...common,
];

export type AlertLineOptions = {
  nowMs: number;
  columns: readonly Column[];
  /** Whether the line offers what can be done about the alert. */
  acts: boolean;
};

export function alertLine(alert: NotedAlert, { nowMs, columns, acts }: AlertLineOptions): Markup {
  const { state, severity } = alert;
  const tone = state === "firing" || state === "no_data" ? "bad" : state === "resolved" ? "few" : "warn";
  const rule = spaced(alert.rule);
  const cells = [
    markup`<span class="${tone}">${spaced(state)}</span><small>${remark(alert) ?? severity}</small>`,
    timeOf(alert.since, nowMs),
    state === "resolved" ? timeOf(alert.at, nowMs) : none,
    toldMarkup(alert),
    markup`<span title="${alert.summary}">${alert.summary}</span>${acts ? alertActs(alert) : null}`,
  ];
  const head = columns === cityAlertColumns
    ? [rule]
    : [markup`<a class="line" href="${cityPath(alert.city)}">${alert.city}</a>`, rule];
  return line(alert.alert_id, cellsOf(columns, [...head, ...cells]), {
    say: `${alert.city}: ${rule} ${spaced(state)}`,
  });
}

/** What somebody said about it, which matters more than how bad it would be. */
function remark({ silence, acknowledgement }: NotedAlert): string | null {
  if (silence !== null) return `silenced until ${clockOf(silence.until)} by ${silence.by}: ${silence.why}`;
  return acknowledgement === null ? null : `taken over by ${acknowledgement.by}: ${acknowledgement.why}`;
}

function toldMarkup({ deliveries }: NotedAlert): Markup {
  if (deliveries.length === 0) return markup`<span class="quiet">nobody</span>`;
  const tones = { accepted: "", attempted: "warn", refused: "bad" } as const;
  return markup`${
    deliveries.map(({ receiver, outcome, state, at, detail }) =>
      markup`<span class="told ${tones[outcome]}" title="${detail}">${receiver} ${outcome} <small>${
        spaced(state)
      } ${clockOf(at, true)}</small></span>`
    )
  }`;
}
