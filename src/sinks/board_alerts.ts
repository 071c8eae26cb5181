/**
 * The incidents of every (rule, city): the newest transition of each, chosen by window end and rev, never by arrival.
 */
import type { AlertTransition } from "../../schemas/alert.ts";

/** Incidents kept per rule and city; the oldest leave first. */
const incidentsMax = 10;

const newer = (a: AlertTransition, b: AlertTransition): boolean =>
  a.window_end !== b.window_end ? a.window_end > b.window_end : a.rev > b.rev;

/** A new generation says of every alert how it stands: where there never was one, that is no news. */
const isOnlyCalm = ({ state, since, at }: AlertTransition, incidents: readonly AlertTransition[]): boolean =>
  state === "resolved" && since === at && incidents.length === 1;

const latestFirst = (a: AlertTransition, b: AlertTransition): number =>
  newer(a, b) ? -1 : newer(b, a) ? 1 : 0;

export class BoardAlerts {
  readonly #incidents = new Map<string, AlertTransition[]>();

  /** Takes a transition in; false when one as new of the same incident is known. */
  put(transition: AlertTransition): boolean {
    const key = JSON.stringify([transition.rule, transition.city]);
    const known = this.#incidents.get(key) ?? [];
    const same = known.find((t) => t.alert_id === transition.alert_id);
    if (same !== undefined && !newer(transition, same)) return false;
    const others = known.filter((t) => t !== same);
    this.#incidents.set(key, [...others, transition].sort(latestFirst).slice(0, incidentsMax));
    return true;
  }

  /**
   * One transition per incident: open ones first, then the latest. What an older generation left open is over as soon
   * as there is a newer incident of the same rule and city, and is not shown.
   */
  list(): AlertTransition[] {
    const open = (t: AlertTransition) => t.state === "resolved" ? 1 : 0;
    const standing = [...this.#incidents.values()].flatMap((incidents) =>
      incidents.filter((t, i) => (i === 0 || t.state === "resolved") && !isOnlyCalm(t, incidents))
    );
    return standing.sort((a, b) => open(a) - open(b) || latestFirst(a, b));
  }
}
