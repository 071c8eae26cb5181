/** Settings of the receivers that alerts are sent to. None of them set: nobody is told, and nothing runs. */
import { setting } from "./setting.ts";
import { httpAddress, httpAddresses, oneOf, text } from "./setting_values.ts";

const pagerDutyUrl = "https://events.pagerduty.com/v2/enqueue";
const routingKey = text("a routing key of 16 to 128 letters, digits, - or _", /^[A-Za-z0-9_-]{16,128}$/);

export const notifierSettings = {
  WAYMARK_PAGERDUTY_KEY: setting({
    fallback: "",
    help: "Routing key of a PagerDuty service (Events API v2) that is paged.",
    secret: true,
    ...routingKey,
  }),
  WAYMARK_PAGERDUTY_PIPELINE_KEY: setting({
    fallback: "",
    help:
      "Routing key for the alerts whose owner is the pipeline, such as no fresh data. Empty: with the others.",
    secret: true,
    ...routingKey,
  }),
  WAYMARK_PAGERDUTY_URL: setting({
    fallback: pagerDutyUrl,
    help: "Where events for PagerDuty are posted.",
    ...httpAddress,
  }),
  WAYMARK_ALERTMANAGER_URL: setting({
    fallback: [] as string[],
    help: "Alertmanagers that are told of alerts (API v2), each of them.",
    secret: true,
    ...httpAddresses,
  }),
  WAYMARK_SLACK_TOKEN: setting({
    fallback: "",
    help: "Bot token that posts an incident's message into WAYMARK_SLACK_CHANNEL and edits it (chat:write).",
    secret: true,
    ...text("a token", /^[A-Za-z0-9._-]{8,256}$/),
  }),
  WAYMARK_SLACK_CHANNEL: setting({
    fallback: "",
    help: "Id of the channel for WAYMARK_SLACK_TOKEN, such as C0123456789.",
    ...text("an id of 6 to 32 capital letters and digits", /^[A-Z0-9]{6,32}$/),
  }),
  WAYMARK_SLACK_URL: setting({
    fallback: "",
    help:
      "Without a token: an incoming webhook of Slack, which posts a line a message. With one: the address of Slack's API, if not the usual one.",
    secret: true,
    ...httpAddress,
  }),
  WAYMARK_WEBHOOK_URL: setting({
    fallback: "",
    help: "Receiver of alerts in the shape of Alertmanager's webhook. Public addresses only.",
    secret: true,
    ...httpAddress,
  }),
  WAYMARK_WEBHOOK_SECRET: setting({
    fallback: "",
    help: "Signs what is posted to WAYMARK_WEBHOOK_URL, with HMAC-SHA256. Empty: not signed.",
    secret: true,
    ...text("16 to 256 characters without spaces", /^[\x21-\x7e]{16,256}$/),
  }),
  WAYMARK_WEBHOOK_PRIVATE: setting({
    fallback: "off" as "on" | "off",
    help: "on lets WAYMARK_WEBHOOK_URL be an address that only machines in here reach.",
    ...oneOf("on", "off"),
  }),
  WAYMARK_PUBLIC_URL: setting({
    fallback: "",
    help: "Address under which people reach the pages: pages link to it. Empty: no links.",
    ...httpAddress,
  }),
} as const;
