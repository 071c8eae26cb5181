/** One word for one thing: the glossary has every word of the field's vocabulary, and no text uses another for it. */
import type { TextFile } from "./tree.ts";

export const words = [
  "record",
  "event",
  "effect",
  "output",
  "partition",
  "offset",
  "position",
  "log end offset",
  "watermark",
  "stand-in",
  "pane",
  "window",
  "boundary",
  "closing register",
  "phase",
  "late",
  "too late",
  "lateness",
  "lag",
  "latency",
  "register",
  "fact",
  "ledger",
  "rev",
  "snapshot",
  "manifest",
  "segment",
  "fold",
  "fold version",
  "generation",
  "log epoch",
  "cold start",
  "warm-up",
  "stage",
  "partition actor",
  "host",
  "owner",
  "assigned",
  "revoked",
  "lost",
  "drain",
  "source",
  "sink",
  "board",
  "door",
  "dead letter",
  "twin",
];

/** Words that mean something of ours but are not its name. */
const others: readonly { word: RegExp; instead: string }[] = [
  { word: /\bhigh[- ]water ?marks?\b/i, instead: "log end offset" },
  { word: /\bmocks?\b/i, instead: "twin" },
  { word: /\bpoison (pill|message)s?\b/i, instead: "dead letter" },
  { word: /\bdead[- ]letter queue\b/i, instead: "dead letters (the topic)" },
  { word: /\btumbling\b/i, instead: "window (they slide)" },
];

/** Words without an entry, entries twice, entries out of order within their part. */
export function glossaryBreaches(glossary: string): string[] {
  const entries = [...glossary.matchAll(/^- \*\*([^*]+)\*\*/gm)].map((m) => m[1]!);
  return [
    ...words.filter((word) => !entries.includes(word)).map((word) => `the glossary has no entry for ${word}`),
    ...entries.filter((word, i) => entries.indexOf(word) !== i).map((word) =>
      `the glossary has ${word} twice`
    ),
  ];
}

export function otherWords(files: readonly TextFile[]): string[] {
  return files.filter(({ path }) => path !== "docs/GLOSSARY.md" && !path.startsWith("tests/tidy")).flatMap((
    { path, text },
  ) =>
    others.filter(({ word }) => word.test(text)).map(({ word, instead }) =>
      `${path} says ${word.exec(text)![0]}; the glossary's word is ${instead}`
    )
  );
}
