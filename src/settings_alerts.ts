/** Settings of alerts: the rules, and who is told. */
import { setting } from "./setting.ts";
import { text } from "./setting_values.ts";

export const alertSettings = {
  WAYMARK_RULES: setting({
    fallback: "",
    help: "File of alert rules, read again when it changes. Empty: the built-in rules.",
    ...text("a path", /^.{0,1024}$/),
  }),
  WAYMARK_ENVIRONMENT: setting({
    fallback: "waymark",
    help:
      "First part of every alert's dedup_key: two installations that page the same people need two names.",
    ...text("1 to 64 letters, digits, . - or _", /^[A-Za-z0-9._-]{1,64}$/),
  }),
} as const;
