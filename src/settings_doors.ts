/** Settings of the HTTP doors: where they listen, and who may use them. */
import { setting } from "./setting.ts";
import { httpAddress, integer, keyEntries, keys, oneOf, origins, text } from "./setting_values.ts";
import { minuteMs, secondMs } from "./time.ts";

export const doorSettings = {
  WAYMARK_HOST: setting({
    fallback: "127.0.0.1",
    help: "Address the HTTP doors listen on. Other than loopback needs keys for posting and for reading.",
    ...text("an IP address or host name", /^[0-9A-Za-z.:-]{1,253}$/),
  }),
  WAYMARK_PORT: setting({
    fallback: 8080,
    help: "Port of the HTTP doors; 0 takes a free one.",
    ...integer(0, 65_535, ""),
  }),
  WAYMARK_ADVERTISED_URL: setting({
    fallback: "",
    help:
      "Address at which the other processes of the group reach this one. Empty: made from WAYMARK_HOST and WAYMARK_PORT.",
    ...httpAddress,
  }),
  WAYMARK_INGEST_KEYS: setting({
    fallback: [] as string[],
    help: "Bearer keys that may post events. None: posting is open, on loopback only.",
    secret: true,
    ...keyEntries,
  }),
  WAYMARK_READ_KEYS: setting({
    fallback: [] as string[],
    help: "Bearer keys that may read. None: reading is open, on loopback only.",
    secret: true,
    ...keyEntries,
  }),
  WAYMARK_ADMIN_KEYS: setting({
    fallback: [] as string[],
    help:
      "Bearer keys that may administer, and read. None: administration is closed wherever any key is set.",
    secret: true,
    ...keyEntries,
  }),
  WAYMARK_MASK_KEY: setting({
    fallback: "",
    help:
      "Key of the hashes that stand for riders' ids; the same on all nodes. Empty: made from the other keys, and changes with them.",
    secret: true,
    ...text("16 to 256 characters", /^.{16,256}$/),
  }),
  WAYMARK_FLEET_KEYS: setting({
    fallback: [] as string[],
    help:
      "Keys with which the processes of one installation ask each other: all take every one of them, the first is sent. " +
      "None: the first of WAYMARK_READ_KEYS that is neither hashed nor ends.",
    secret: true,
    ...keys,
  }),
  WAYMARK_POST_KEY: setting({
    fallback: [] as string[],
    help: "The key that replay and traffic send with --to http.",
    secret: true,
    ...keys,
  }),
  WAYMARK_KEY_REQUESTS_PER_S: setting({
    fallback: 5_000,
    help:
      "Requests a second that one key may send, callers without a key together; beyond, 429. 0: any number. Each process counts for itself.",
    ...integer(0, 1_000_000, ""),
  }),
  WAYMARK_KEY_EVENTS_PER_S: setting({
    fallback: 100_000,
    help:
      "Items a second that one key may post, callers without a key together; beyond, the request is answered 429. 0: any number.",
    ...integer(0, 10_000_000, ""),
  }),
  WAYMARK_KEY_BURST_MS: setting({
    fallback: 2 * secondMs,
    help: "How much a key may send at once, as the time in which its rate would allow it.",
    ...integer(100, minuteMs, "ms"),
  }),
  WAYMARK_RIDE_EVENTS_PER_S: setting({
    fallback: 10,
    help:
      "Events a second of one ride that are taken over HTTP; others get the verdict ride_rate_exceeded. 0: any number.",
    ...integer(0, 10_000, ""),
  }),
  WAYMARK_RIDE_BURST_MS: setting({
    fallback: 10 * secondMs,
    help: "How many events of a ride may come at once, as the time in which its rate would allow them.",
    ...integer(100, 10 * minuteMs, "ms"),
  }),
  WAYMARK_CORS_ORIGINS: setting({
    fallback: [] as string[],
    help: "Origins whose pages a browser lets read here and post, with a key. None: only our own pages.",
    ...origins,
  }),
  WAYMARK_ACCESS_LOG: setting({
    fallback: "on" as "on" | "off",
    help: "A line for requests on standard error, in the form of WAYMARK_LOG_FORMAT. It names no people.",
    ...oneOf("on", "off"),
  }),
  WAYMARK_ACCESS_LOG_EVERY: setting({
    fallback: 1_000,
    help:
      "Of how many answers below 400, route by route, the access log has one. 1: every one. Others are all told.",
    ...integer(1, 1_000_000, ""),
  }),
} as const;
