/** What a setting's value may be: each kind with the words that say so, and how its text is read. */
import { parseKeyEntry } from "./keys.ts";
import { dayMs, hourMs, minuteMs } from "./time.ts";
import { type ByTopic, type TopicName, topicNames } from "./topic_defaults.ts";

export const text = (allowed: string, pattern: RegExp) => ({
  allowed,
  parse: (value: string) => pattern.test(value) ? value : undefined,
});

export const integer = (min: number, max: number, unit: string) => ({
  allowed: `a whole number from ${min} to ${max}${unit === "" ? "" : ` (${unit})`}`,
  parse(value: string) {
    const parsed = /^\d{1,15}$/.test(value) ? Number(value) : NaN;
    return parsed >= min && parsed <= max ? parsed : undefined;
  },
});

export const decimal = (min: number, max: number) => ({
  allowed: `a number from ${min} to ${max}, with at most four decimals`,
  parse(value: string) {
    const parsed = /^\d{1,9}(\.\d{1,4})?$/.test(value) ? Number(value) : NaN;
    return parsed >= min && parsed <= max ? parsed : undefined;
  },
});

export const oneOf = <const T extends string>(...values: T[]) => ({
  allowed: values.join(" or "),
  parse: (value: string): T | undefined => values.find((v) => v === value),
});

const listed = (value: string): string[] => value.split(",").map((k) => k.trim()).filter((k) => k !== "");

/** Keys to be sent. */
export const keys = {
  allowed: "keys of 16 to 128 letters, digits, - or _, separated by commas",
  parse(value: string): string[] | undefined {
    const list = listed(value);
    return list.every((k) => /^[A-Za-z0-9_-]{16,128}$/.test(k)) ? list : undefined;
  },
};

/** Keys to be recognised (src/keys.ts). */
export const keyEntries = {
  allowed:
    "[name=]KEY or [name=]sha256:HEX, each with @2027-01-31 or @2027-01-31T18:00Z for when it ends, separated by commas; " +
    "KEY: 16 to 128 letters, digits, - or _",
  parse(value: string): string[] | undefined {
    const list = listed(value);
    return list.every((entry) => parseKeyEntry(entry) !== null) ? list : undefined;
  },
};

export const minutes = (min: number, max: number) => {
  const whole = integer(min, max, "ms, whole minutes");
  return {
    allowed: whole.allowed,
    parse: (value: string) => {
      const ms = whole.parse(value);
      return ms !== undefined && ms % minuteMs === 0 ? ms : undefined;
    },
  };
};

/** Yes or no, in the words of whoever writes it; `on` and `off` in our own. */
export const yesNo = {
  allowed: "true or false (or on, off, 1, 0)",
  parse: (value: string): boolean | undefined =>
    ["true", "on", "1"].includes(value.toLowerCase())
      ? true
      : ["false", "off", "0"].includes(value.toLowerCase())
      ? false
      : undefined,
};

export const brokers = {
  allowed: "host:port, several separated by commas",
  parse(value: string): string[] | undefined {
    const list = value.split(",").map((b) => b.trim()).filter((b) => b !== "");
    const valid = list.every((b) => {
      const [, port] = /^(?:[0-9A-Za-z._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]):(\d{1,5})$/.exec(b) ?? [];
      return port !== undefined && Number(port) >= 1 && Number(port) <= 65_535;
    });
    return valid && list.length > 0 ? list : undefined;
  },
};

export const httpAddress = {
  allowed: "an http:// or https:// address",
  parse(value: string): string | undefined {
    const url = URL.canParse(value) ? new URL(value) : null;
    return url !== null && /^https?:$/.test(url.protocol) && value.length <= 1_024 ? value : undefined;
  },
};

/** As browsers write them: scheme, host and port, nothing after it. */
export const origins = {
  allowed: "origins such as https://ops.example:8443, separated by commas",
  parse(value: string): string[] | undefined {
    const list = listed(value);
    return list.every((one) => /^https?:/.test(one) && URL.canParse(one) && new URL(one).origin === one)
      ? list
      : undefined;
  },
};

export const httpAddresses = {
  allowed: "http:// or https:// addresses, at most 16, separated by commas",
  parse(value: string): string[] | undefined {
    const list = value.split(",").map((address) => httpAddress.parse(address.trim()));
    const known = list.filter((address) => address !== undefined);
    return known.length === list.length && new Set(known).size === known.length && known.length <= 16
      ? known
      : undefined;
  },
};

export const boundary = {
  allowed: "a whole minute in UTC, such as 2026-01-15T18:05:00Z",
  parse(value: string): number | undefined {
    const ms = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:00(\.000)?)?Z$/.test(value) ? Date.parse(value) : NaN;
    return Number.isSafeInteger(ms) ? ms : undefined;
  },
};

/** `ride-events=24,driver-locations=48`: a value for each topic named, none twice. */
const byTopic = (allowed: string, read: (value: string) => number | undefined) => ({
  allowed: `TOPIC=${allowed}, several separated by commas; topics: ${topicNames.join(", ")}`,
  parse(value: string): ByTopic | undefined {
    const pairs = value.split(",").map((pair) => {
      const [, name, said = ""] = /^\s*([a-z-]+)=(\S+)\s*$/.exec(pair) ?? [];
      return [name as TopicName, read(said)] as const;
    });
    const known = pairs.filter(([name, number]) => topicNames.includes(name) && number !== undefined);
    const distinct = new Set(pairs.map(([name]) => name)).size === pairs.length;
    return known.length === pairs.length && distinct ? known as ByTopic : undefined;
  },
});

const partitionsMax = 1_000;
export const partitionCounts = byTopic(
  `N, N from 1 to ${partitionsMax}`,
  integer(1, partitionsMax, "").parse,
);

const spanUnits: Record<string, number> = { h: hourMs, d: dayMs };
const spanMsMax = 3_650 * dayMs;
export const spans = byTopic("7d or =36h, from 1h to 3650d", (said) => {
  const [, count, unit = ""] = /^([1-9]\d{0,5})([hd])$/.exec(said) ?? [];
  const ms = Number(count) * (spanUnits[unit] ?? NaN);
  return ms <= spanMsMax ? ms : undefined;
});

/** `auto`, or a number of copies. */
export const replicas = {
  allowed: "auto, or a whole number from 1 to 9",
  parse: (value: string): number | "auto" | undefined =>
    value === "auto" ? value : integer(1, 9, "").parse(value),
};
