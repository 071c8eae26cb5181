/**
 * Inputs that are nearly right: members of a corpus with a few bytes, pieces or JSON values changed, by seed.
 *
 *   corpus/NAME.txt, a member a line ─► as it is ─► judged
 *                                    └► mutants ──► judged; one that fails is printed, and becomes a line of the corpus
 *
 * `FUZZ_TIMES=100` runs a hundred times as many, with other seeds. A hang shows as a test that does not end.
 */
import { readFileSync } from "node:fs";
import { env } from "node:process";
import { fromUtf8, utf8 } from "../../src/ids.ts";
import { type Random, randomFrom } from "../../src/traffic/random.ts";

const times = Number(env["FUZZ_TIMES"] ?? 1);

export type Fuzzing = {
  name: string;
  corpus: readonly Uint8Array[];
  /** Mutants of a usual run. */
  mutants: number;
  /** Throws when the input was not taken as it should be. */
  judge(input: Uint8Array): void | Promise<void>;
};

export async function fuzz({ name, corpus, mutants, judge }: Fuzzing): Promise<void> {
  for (const member of corpus) await judged(judge, member, "of the corpus");
  for (let n = 0; n < mutants * times; n++) {
    await judged(judge, mutant(randomFrom(n, name), corpus), `mutant ${n}`);
  }
}

async function judged(judge: Fuzzing["judge"], input: Uint8Array, which: string): Promise<void> {
  try {
    await judge(input);
  } catch (error) {
    const shown = input.length > 4_000
      ? "(long)"
      : `${JSON.stringify(fromUtf8(input))}, base64 ${input.toBase64()}`;
    throw new Error(`${which} fails: ${shown}`, { cause: error });
  }
}

/** The lines of a file: text as it stands, or bytes in base64. */
export function corpusOf(file: string, encoding: "text" | "base64" = "text"): Uint8Array[] {
  const lines = readFileSync(new URL(`corpus/${file}`, import.meta.url), "utf8").split("\n").filter((l) =>
    l !== ""
  );
  return lines.map((line) => encoding === "text" ? utf8(line) : Uint8Array.fromBase64(line));
}

export function mutant(random: Random, corpus: readonly Uint8Array[]): Uint8Array {
  // Not slice(): of a Buffer that is no copy.
  let bytes: Uint8Array = new Uint8Array(pick(random, corpus));
  for (let n = 1 + random.below(4); n > 0; n--) bytes = pick(random, changes)(random, bytes, corpus);
  return bytes;
}

export const pick = <T>(random: Random, list: readonly T[]): T => list[random.below(list.length)]!;

type Change = (random: Random, bytes: Uint8Array, corpus: readonly Uint8Array[]) => Uint8Array;

const oddBytes = [0, 1, 0x20, 0x22, 0x2c, 0x5c, 0x7b, 0x7f, 0x80, 0xc0, 0xed, 0xfe, 0xff];
const mutantBytesMax = 64 * 1024;

const changes: readonly Change[] = [
  (random, bytes) => set(bytes, random, (byte) => byte ^ 1 << random.below(8)),
  (random, bytes) => set(bytes, random, () => pick(random, oddBytes)),
  (random, bytes) => bytes.subarray(0, random.below(bytes.length + 1)),
  (random, bytes) => {
    const [from, to] = range(random, bytes.length);
    return join(bytes.subarray(0, from), bytes.subarray(to));
  },
  (random, bytes) => {
    const [from, to] = range(random, bytes.length);
    return join(bytes.subarray(0, to), bytes.subarray(from)).subarray(0, mutantBytesMax);
  },
  (random, bytes, corpus) => {
    const other = pick(random, corpus);
    return join(
      bytes.subarray(0, random.below(bytes.length + 1)),
      other.subarray(random.below(other.length + 1)),
    );
  },
  withOddValue,
  withOddValue,
  withOddValue,
];

function set(bytes: Uint8Array, random: Random, to: (byte: number) => number): Uint8Array {
  const copy = new Uint8Array(bytes);
  if (copy.length > 0) {
    const at = random.below(copy.length);
    copy[at] = to(copy[at]!);
  }
  return copy;
}

function range(random: Random, length: number): [from: number, to: number] {
  const a = random.below(length + 1);
  const b = random.below(length + 1);
  return [Math.min(a, b), Math.max(a, b)];
}

const join = (...parts: Uint8Array[]): Uint8Array => {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
};

/** Around every limit: of numbers, times, texts, nesting, and names that objects have by themselves. */
export const oddValues: readonly string[] = [
  ...[
    "null",
    "true",
    "false",
    "{}",
    "[]",
    "[null]",
    '{"a":1}',
    '""',
    '" "',
    '"x"',
    '"__proto__"',
    '"constructor"',
  ],
  ...["0", "-0", "-1", "1", "0.5", "60000", "255", "256", "2147483648", "4294967296", "1e3", "1e17", "-1e17"],
  ...[
    "9007199254740991",
    "9007199254740993",
    "1e308",
    "1e400",
    "-1e400",
    "8640000000000001",
    "1e-7",
    "01",
    "1.",
  ],
  ...[
    '"\\ud800"',
    '"\\u0000"',
    '"\\""',
    '"\u2028"',
    '"ü"',
    '"🚗"',
    `"${"x".repeat(200)}"`,
    `"${"é".repeat(70)}"`,
  ],
  ...[
    '"2026-01-15T18:00:00.000Z"',
    '"2026-02-31T12:00:00Z"',
    '"0000-01-01T00:00:00Z"',
    '"+275760-09-13T00:00:00.000Z"',
  ],
  ...[
    '"AAAA"',
    '"AAAAAAAAAAE="',
    '"!"',
    "NaN",
    "Infinity",
    "undefined",
    '{"__proto__":{}}',
    "[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]",
  ],
  "[".repeat(3_000),
];

const jsonValue = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null|\[\]|\{\}/g;

/** One value of a JSON text, wherever it stands, becomes another; a name, too. */
function withOddValue(random: Random, bytes: Uint8Array): Uint8Array {
  const text = fromUtf8(bytes);
  const values = [...text.matchAll(jsonValue)];
  if (values.length === 0) return bytes;
  const { index, 0: found } = pick(random, values);
  return utf8(text.slice(0, index) + pick(random, oddValues) + text.slice(index + found.length));
}

/** Each value of a JSON text, one after the other, as each of the odd ones. */
export function* withEachOddValue(bytes: Uint8Array): Generator<Uint8Array> {
  const text = fromUtf8(bytes);
  for (const { index, 0: found } of text.matchAll(jsonValue)) {
    for (const odd of oddValues) yield utf8(text.slice(0, index) + odd + text.slice(index + found.length));
  }
}
