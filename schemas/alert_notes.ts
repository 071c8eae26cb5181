/** What people say about alerts over HTTP, and how alerts are shown with it. */
import { z } from "zod";
import { alertTransition } from "./alert.ts";
import { acknowledgement, delivery, silence } from "./alert_journal.ts";
import { cityName, timestamp } from "./fields.ts";
import { receiverView } from "./http.ts";

const name = z.string().min(1).max(128);
const why = z.string().min(1).max(512);

export const silenceRequest = z.strictObject({
  /** `*` means every rule. */
  rule: name,
  /** `*` means every city. */
  city: cityName,
  by: name,
  why,
  until: timestamp,
}).meta({ title: "Silence request", description: "What is not to page, who says so, why and until when." });

export const silenceEnding = z.strictObject({ by: name }).meta({
  title: "End of a silence",
  description: "Who ends it.",
});

export const acknowledgementRequest = z.union([
  z.strictObject({ alert_id: z.string().min(1).max(512), by: name, why }),
  z.strictObject({ rule: name, city: cityName, by: name, why }),
]).meta({
  title: "Acknowledgement request",
  description: "The incident, or the open one of a rule in a city; who has taken it over, and why.",
});

export const silencesAnswer = z.object({ silences: z.array(silence) }).meta({
  title: "Silences",
  description: "Those that are in force.",
});

/** The last word of a receiver about an incident. */
export const lastDelivery = delivery.pick({
  receiver: true,
  state: true,
  outcome: true,
  detail: true,
  at: true,
});
export type LastDelivery = z.infer<typeof lastDelivery>;

export const notedAlert = alertTransition.extend({
  /** That keeps it from paging now. */
  silence: silence.nullable(),
  acknowledgement: acknowledgement.nullable(),
  deliveries: z.array(lastDelivery),
});
export type NotedAlert = z.infer<typeof notedAlert>;

export const notedAlertsAnswer = z.object({
  open: z.array(notedAlert),
  recent: z.array(notedAlert),
  /** Of the process that answers. */
  receivers: z.array(receiverView),
}).meta({
  title: "Alerts",
  description: "The newest transition of each incident, with what people and receivers said about it.",
});
export type NotedAlertsAnswer = z.infer<typeof notedAlertsAnswer>;
export type SilencesAnswer = z.infer<typeof silencesAnswer>;
export type SilenceRequest = z.infer<typeof silenceRequest>;
export type AcknowledgementRequest = z.infer<typeof acknowledgementRequest>;
