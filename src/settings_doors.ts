/** Settings of the HTTP doors: where they listen, and who may use them. */
import { setting } from "./setting.ts";
import { httpAddress, integer, keyEntries, keys, text } from "./setting_values.ts";

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
} as const;
