/**
 * What people do about alerts on a page: take one over, silence it, end a silence. Buttons in the lines open one dialog
 * (assets/act.js), which posts to the doors that programs use too.
 *
 * Whoever may not is told why and what to do instead of being offered what would be refused.
 */
import type { Silence } from "../../../schemas/alert_journal.ts";
import type { NotedAlert } from "../../../schemas/alert_notes.ts";
import type { Passed } from "../auth.ts";
import { cityPath } from "./city_path.ts";
import { cellsOf, type Column, line } from "./layout.ts";
import { type Markup, markup, nothing } from "./markup.ts";
import { spaced, timeOf } from "./wording.ts";

/** `signIn`: where a browser is asked for a key that may; null where there is none, or none is needed. */
export type Acting = { may: boolean; signIn: string | null };

export function actingOf(
  { hasAdminKeys }: { hasAdminKeys: boolean },
  { administers }: Pick<Passed, "administers">,
  { pathname, search }: Pick<URL, "pathname" | "search">,
): Acting {
  const signIn = `/signin?to=${encodeURIComponent(`${pathname}${search}`)}`;
  return { may: administers, signIn: !administers && hasAdminKeys ? signIn : null };
}

const isOpen = ({ state }: NotedAlert): boolean => state !== "resolved";

/** Nothing for an alert that is over. */
export function alertActs(alert: NotedAlert): Markup {
  if (!isOpen(alert)) return nothing;
  const { alert_id, rule, city, acknowledgement, silence } = alert;
  const of = markup`data-alert="${alert_id}" data-rule="${rule}" data-city="${city}"`;
  const about = `${spaced(rule)} in ${city}`;
  return markup`<span class="acts">${
    acknowledgement === null ? button("acknowledge", "Take over", about, of) : null
  }${
    silence === null
      ? button("silence", "Silence", about, of)
      : button("unsilence", "End silence", about, markup`data-silence="${silence.id}"`)
  }</span>`;
}

const button = (act: string, label: string, about: string, facts: Markup): Markup =>
  markup`<button type="button" class="small" data-act="${act}" data-about="${about}" ${facts} \
aria-label="${label}: ${about}">${label}</button>`;

export const silenceColumns: readonly Column[] = [
  { key: "name", label: "City" },
  { key: "rule", label: "Rule" },
  { key: "until", label: "Until" },
  { key: "by", label: "By" },
  { key: "what", label: "Why" },
];

export function silenceLine(
  { id, rule, city, by, why, until }: Silence,
  nowMs: number,
  acts: boolean,
): Markup {
  const [where, what] = [city === "*" ? "every city" : city, rule === "*" ? "every rule" : spaced(rule)];
  return line(
    id,
    cellsOf(silenceColumns, [
      city === "*" ? where : markup`<a class="line" href="${cityPath(city)}">${city}</a>`,
      what,
      timeOf(until, nowMs),
      by,
      markup`<span title="${why}">${why}</span>${
        acts
          ? markup`<span class="acts">${
            button("unsilence", "End silence", `${what} in ${where}`, markup`data-silence="${id}"`)
          }</span>`
          : null
      }`,
    ]),
  );
}

/** The dialog of whoever may act; why not, for everybody else. */
export function actingMarkup({ may, signIn }: Acting): Markup {
  if (may) return dialog;
  return markup`<p class="note">Taking an alert over and silencing it need an admin key. ${
    signIn === null
      ? markup`None is set here (<code>WAYMARK_ADMIN_KEYS</code>), so nobody may.`
      : markup`<a href="${signIn}">Sign in with one</a>: any name, and the key as password. People are shown \
unmasked to whoever has it, and every such look is noted.`
  }</p>`;
}

const minutesOffered = [[30, "30 minutes"], [60, "an hour"], [240, "4 hours"], [1_440, "a day"], [
  10_080,
  "a week",
]] as const;

/** One for all: which fields it has depends on what it is opened for. */
const dialog = markup`<dialog id="act" aria-labelledby="act-title" aria-describedby="act-about">
<form>
<h2 id="act-title"></h2>
<p id="act-about" class="quiet"></p>
<label>Who you are<input name="by" required maxlength="128" autocomplete="name"></label>
<label data-for="acknowledge silence">Why<input name="why" required maxlength="512" autocomplete="off"></label>
<label data-for="silence">What<select name="scope">
<option value="this">this rule in this city</option>
<option value="city">every rule in this city</option>
<option value="rule">this rule in every city</option>
</select></label>
<label data-for="silence">How long<select name="minutes">${
  minutesOffered.map(([minutes, said]) => markup`<option value="${minutes}">${said}</option>`)
}</select></label>
<p id="act-trouble" class="bad" role="alert"></p>
<p class="acts"><button class="main"></button><button type="button" data-close>Cancel</button></p>
</form>
</dialog>`;
