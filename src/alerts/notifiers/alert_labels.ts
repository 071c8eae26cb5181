/** An alert in Prometheus's words: labels that name it, annotations that explain it. Pure. */
import { isoTime } from "../../time.ts";
import { cityLink, headline, ownerOf, runbookOf, severityOf } from "./notice_text.ts";
import type { Notice } from "./receiver.ts";

export type LabelledAlert = {
  labels: Record<string, string>;
  annotations: Record<string, string>;
  startsAt: string;
  endsAt: string;
  generatorURL: string;
};

/** `holdMs`: how long a firing alert stays one without being told of again. */
export function labelled(notice: Notice, publicUrl: string, holdMs: number): LabelledAlert {
  const { alert, kind, atMs, test } = notice;
  const startMs = Date.parse(alert.since);
  const runbook = runbookOf(alert);
  // Not before it began, or it is refused; not ahead, or it goes on firing until then.
  const endMs = kind === "resolve"
    ? Math.max(startMs + 1, Math.min(Date.parse(alert.at), atMs))
    : atMs + holdMs;
  return {
    labels: {
      alertname: alert.rule,
      city: alert.city,
      severity: severityOf(alert),
      owner: ownerOf(alert),
      dedup_key: notice.dedupKey,
      ...(test && { test: "true" }),
    },
    annotations: {
      summary: headline(notice),
      alert_id: notice.alertId,
      ...(runbook !== null && { runbook_url: runbook }),
    },
    startsAt: isoTime(startMs),
    endsAt: isoTime(endMs),
    generatorURL: cityLink(publicUrl, alert.city) ?? "",
  };
}
