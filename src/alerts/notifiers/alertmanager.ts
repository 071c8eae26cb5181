/**
 * Alertmanager, API v2: https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml
 *
 * It forgets an alert when the time of its end has passed, so what fires is told again every minute with an end a few
 * minutes ahead, as Prometheus does; a resolve states an end that has passed. What is left of a late trigger therefore
 * ends by itself.
 */
import { minuteMs } from "../../time.ts";
import { labelled } from "./alert_labels.ts";
import type { Post } from "./http_post.ts";
import { answerByStatus, failing, type Receiver } from "./receiver.ts";

export type AlertmanagerOptions = { name: string; url: string; publicUrl: string; post: Post };

const repeatMs = minuteMs;
/** Four tellings: three may fail. */
const holdMs = 4 * repeatMs;

export function alertmanager({ name, url, publicUrl, post }: AlertmanagerOptions): Receiver {
  const target = `${url.replace(/\/+$/, "")}/api/v2/alerts`;
  return {
    name,
    wants: () => true,
    acknowledges: false,
    perIncident: false,
    spacingMs: 0,
    limitedMs: minuteMs,
    repeatMs,
    async send(notice) {
      const body = JSON.stringify([labelled(notice, publicUrl, holdMs)]);
      const response = await post({ url: target, body, headers: {} });
      if (!response.ok) return failing(response.detail);
      return answerByStatus(response, {
        accepted: (status) => status === 200,
        refused: (status) => status === 400,
      });
    },
  };
}
