/** From settings to the receivers of alerts. Each has a name that stays: the journal knows it by it. */
import { alertmanager } from "../alerts/notifiers/alertmanager.ts";
import type { Resolve } from "../alerts/notifiers/address.ts";
import { createPost } from "../alerts/notifiers/http_post.ts";
import { pagerDuty } from "../alerts/notifiers/pagerduty.ts";
import { type Receiver, withoutSecrets } from "../alerts/notifiers/receiver.ts";
import { slack } from "../alerts/notifiers/slack.ts";
import { webhook } from "../alerts/notifiers/webhook.ts";
import { type Config, type SettingName, settings } from "../config.ts";
import type { Clock } from "../time.ts";

const slackApi = "https://slack.com/api";

export type ReceiversOptions = { config: Config; clock: Clock; resolve?: Resolve };

export function receiversOf({ config, clock, resolve }: ReceiversOptions): Receiver[] {
  const { WAYMARK_PUBLIC_URL: publicUrl } = config;
  const post = createPost({ clock, publicOnly: false });
  const checkedPost = createPost({
    clock,
    publicOnly: config.WAYMARK_WEBHOOK_PRIVATE === "off",
    ...(resolve !== undefined && { resolve }),
  });
  const all: Receiver[] = [
    ...pagerDuties(config, (door) => pagerDuty({ ...door, publicUrl, post })),
    // The first by itself is the usual case, and keeps its name when a second one comes.
    ...config.WAYMARK_ALERTMANAGER_URL.map((url, i) =>
      alertmanager({ name: i === 0 ? "alertmanager" : `alertmanager-${i + 1}`, url, publicUrl, post })
    ),
    ...slacks(config).map((door) => slack({ name: "slack", publicUrl, post, ...door })),
  ];
  if (config.WAYMARK_WEBHOOK_URL !== "") {
    const { WAYMARK_WEBHOOK_URL: url, WAYMARK_WEBHOOK_SECRET: secret } = config;
    all.push(webhook({ name: "webhook", url, secret, publicUrl, post: checkedPost }));
  }
  const secrets = secretsOf(config);
  return all.map((receiver) => withoutSecrets(receiver, secrets));
}

type PagerDutyDoor = Pick<Parameters<typeof pagerDuty>[0], "name" | "url" | "routingKey" | "owners">;

function pagerDuties(config: Config, open: (door: PagerDutyDoor) => Receiver): Receiver[] {
  const { WAYMARK_PAGERDUTY_KEY: key, WAYMARK_PAGERDUTY_PIPELINE_KEY: pipelineKey } = config;
  const { WAYMARK_PAGERDUTY_URL: url } = config;
  if (key === "") return [];
  if (pipelineKey === "") return [open({ name: "pagerduty", url, routingKey: key, owners: "all" })];
  return [
    open({ name: "pagerduty", url, routingKey: key, owners: "operations" }),
    open({ name: "pagerduty-pipeline", url, routingKey: pipelineKey, owners: "pipeline" }),
  ];
}

function slacks(
  { WAYMARK_SLACK_TOKEN: token, WAYMARK_SLACK_CHANNEL: channel, WAYMARK_SLACK_URL: url }: Config,
) {
  if (token !== "") return [{ kind: "api", url: url === "" ? slackApi : url, token, channel } as const];
  return url === "" ? [] : [{ kind: "webhook", url } as const];
}

/** What a receiver must not be able to write into our journal or messages by saying it back to us. */
function secretsOf(config: Config): string[] {
  return (Object.keys(settings) as SettingName[])
    .filter((name) => "secret" in settings[name])
    .flatMap((name) => [config[name]].flat())
    .filter((value) => typeof value === "string")
    .flatMap((value) =>
      URL.canParse(value) ? [value, new URL(value).password, new URL(value).pathname] : [value]
    )
    .filter((value) => value.length >= 8);
}
