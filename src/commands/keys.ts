/** `waymark keys`: makes keys, and the line that goes into a key setting in place of each. */
import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import { WaymarkError } from "../errors.ts";
import { hashedEntry, parseKeyEntry } from "../keys.ts";
import type { Command, Given } from "./command.ts";

export const keysCommand: Command = {
  name: "keys",
  operands: "",
  summary: "Makes a random key, and prints the entry that stands for it in WAYMARK_INGEST_KEYS and the like.",
  options: {
    name: {
      type: "string",
      value: "NAME",
      help: "what the key is called in logs; keys of one name share its limits",
    },
    ends: {
      type: "string",
      value: "WHEN",
      help: "2027-01-31 or 2027-01-31T18:00Z: from then on it is refused",
    },
    stdin: { type: "boolean", help: "makes no key: reads one from standard input" },
    help: { type: "boolean", help: "this text" },
  },
  more: () =>
    "The key is printed once and kept nowhere. Add the entry to the setting beside the old ones and restart; take\n" +
    "the old ones out when nobody uses them any more. A key that a person thought up can be guessed from its hash:\n" +
    "use the ones made here.",
  run: keys,
};

async function keys(given: Given): Promise<number> {
  const key = given.flag("stdin") ? (await new Response(Deno.stdin.readable).text()).trim() : randomKey();
  if (parseKeyEntry(key)?.plain !== key) {
    throw new WaymarkError("usage", "the key read is not shown; allowed: 16 to 128 letters, digits, - or _");
  }
  const [name, ends] = [given.text("name"), given.text("ends")];
  const entry = `${name === undefined ? "" : `${name}=`}${hashedEntry(key)}${
    ends === undefined ? "" : `@${ends}`
  }`;
  if (parseKeyEntry(entry) === null) {
    const shown = [
      name === undefined ? "" : `--name is "${name}"`,
      ends === undefined ? "" : `--ends is "${ends}"`,
    ];
    throw new WaymarkError(
      "usage",
      `${
        shown.filter(Boolean).join(", ")
      }; allowed: a name of at most 32 of a-z, 0-9, ., _ and -, and a day or a ` +
        `time in UTC such as 2027-01-31 or 2027-01-31T18:00Z`,
    );
  }
  if (!given.flag("stdin")) console.log(`key (shown this once)    ${key}`);
  console.log(`entry for the setting    ${entry}`);
  return 0;
}

/** 256 bits. */
const randomKey = (): string => Buffer.from(randomBytes(32)).toString("base64url");
