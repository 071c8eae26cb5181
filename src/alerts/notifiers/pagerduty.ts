/**
 * PagerDuty, Events API v2: https://developer.pagerduty.com/docs/events-api-v2-overview
 *
 * 202 is taken; 400 means the event is wrong and is never sent again; 429 backs off for minutes; everything else,
 * a failing network too, is tried again. A trigger with the key of an open incident joins it, a resolve of a closed
 * one is dropped: repeating is safe.
 */
import type { Post } from "./http_post.ts";
import { cityLink, detailsOf, headline, ownerOf, runbookOf, severityOf } from "./notice_text.ts";
import { answerByStatus, failing, type Notice, type Receiver } from "./receiver.ts";
import { minuteMs } from "../../time.ts";

export type PagerDutyOptions = {
  name: string;
  url: string;
  routingKey: string;
  publicUrl: string;
  post: Post;
  /** Whose alerts: all, all but the pipeline's, or the pipeline's. */
  owners: "all" | "operations" | "pipeline";
};

/** 120 events a minute are taken from one integration. */
const spacingMs = 500;

export function pagerDuty({ name, url, routingKey, publicUrl, post, owners }: PagerDutyOptions): Receiver {
  return {
    name,
    wants: (alert) => owners === "all" || (ownerOf(alert) === "pipeline") === (owners === "pipeline"),
    acknowledges: true,
    perIncident: false,
    spacingMs,
    limitedMs: minuteMs,
    repeatMs: null,
    async send(notice) {
      const body = JSON.stringify({ routing_key: routingKey, ...eventOf(notice, publicUrl) });
      const response = await post({ url, body, headers: {} });
      if (!response.ok) return failing(response.detail);
      return answerByStatus(response, {
        accepted: (status) => status === 202,
        refused: (status) => status === 400,
      });
    },
  };
}

/** An event without its routing key. */
export function eventOf(notice: Notice, publicUrl: string): Record<string, unknown> {
  const { kind, alert, dedupKey } = notice;
  const action = { event_action: kind === "repeat" ? "trigger" : kind, dedup_key: dedupKey };
  if (kind === "resolve" || kind === "acknowledge") return action;
  const link = cityLink(publicUrl, alert.city);
  const runbook = runbookOf(alert);
  const links = [
    ...(link === null ? [] : [{ href: link, text: `${alert.city} in Waymark` }]),
    ...(runbook === null ? [] : [{ href: runbook, text: "Runbook" }]),
  ];
  return {
    ...action,
    payload: {
      summary: headline(notice),
      source: alert.city,
      severity: severityOf(alert),
      timestamp: alert.at,
      component: alert.rule,
      group: ownerOf(alert),
      class: alert.state,
      custom_details: { ...detailsOf(notice), ...(notice.test && { test: true }) },
    },
    links,
    client: "Waymark",
    ...(link !== null && { client_url: link }),
  };
}
