/**
 * Any receiver that takes Alertmanager's webhook, version 4:
 * https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
 *
 * The body is signed: `x-waymark-signature: v1=HMAC-SHA256(secret, timestamp + "." + body)` in hexadecimal, with the
 * time of sending in seconds as `x-waymark-timestamp`. The address comes from outside, so it is checked before a packet
 * leaves (address.ts), and a redirect is not followed.
 */
import { createHmac } from "node:crypto";
import { minuteMs } from "../../time.ts";
import { labelled } from "./alert_labels.ts";
import type { Post } from "./http_post.ts";
import { answerByStatus, failing, type Notice, type Receiver } from "./receiver.ts";

export type WebhookOptions = {
  name: string;
  url: string;
  /** Empty: not signed. */
  secret: string;
  publicUrl: string;
  /** One that checks addresses. */
  post: Post;
};

export function webhook({ name, url, secret, publicUrl, post }: WebhookOptions): Receiver {
  return {
    name,
    wants: () => true,
    acknowledges: false,
    perIncident: false,
    spacingMs: 0,
    limitedMs: minuteMs,
    repeatMs: null,
    async send(notice) {
      const body = JSON.stringify(webhookBody(notice, name, publicUrl));
      const headers = {
        "idempotency-key": encodeURIComponent(`${notice.alertId}/${notice.kind}`),
        ...(secret !== "" && signatureOf(secret, body, notice.atMs)),
      };
      const response = await post({ url, body, headers });
      if (!response.ok) {
        return response.cause === "address"
          ? { kind: "refused", detail: response.detail }
          : failing(response.detail);
      }
      return answerByStatus(response, {
        accepted: (status) => status >= 200 && status < 300,
        // A request that came too slowly or too early may be right the next time.
        refused: (status) => status >= 300 && status < 500 && ![408, 425, 429].includes(status),
      });
    },
  };
}

export function signatureOf(secret: string, body: string, atMs: number): Record<string, string> {
  const timestamp = String(Math.floor(atMs / 1_000));
  const signature = createHmac("sha256", secret).update(`${timestamp}.${body}`).digest("hex");
  return { "x-waymark-timestamp": timestamp, "x-waymark-signature": `v1=${signature}` };
}

const never = "0001-01-01T00:00:00Z";

export function webhookBody(notice: Notice, receiver: string, publicUrl: string): Record<string, unknown> {
  const status = notice.kind === "resolve" ? "resolved" : "firing";
  const { labels, annotations, startsAt, endsAt, generatorURL } = labelled(notice, publicUrl, 0);
  const { alertname = "", city = "" } = labels;
  return {
    version: "4",
    groupKey: `{}:{alertname=${JSON.stringify(alertname)}, city=${JSON.stringify(city)}}`,
    truncatedAlerts: 0,
    status,
    receiver,
    groupLabels: { alertname, city },
    commonLabels: labels,
    commonAnnotations: annotations,
    externalURL: publicUrl,
    alerts: [{
      status,
      labels,
      annotations,
      startsAt,
      endsAt: status === "resolved" ? endsAt : never,
      generatorURL,
      fingerprint: notice.dedupKey,
    }],
  };
}
