/**
 * A cursor over the bytes of plain JSON: the parts that the scanners of events are put together from.
 *
 *   {"event_type":"requested","ride_id":"r-1", … }
 *     ▲ key()      ▲ text()   from ─┘ └─ to
 *
 * Plain is what producers write all day: one object, texts without escapes, numbers without exponents. Whatever is not
 * plain makes a method say no; nothing is decided by that, the caller hands the bytes to the decoder that can read all
 * of JSON and name what is wrong. So a scanner may refuse what is valid, and must never accept what is not.
 */
import { invariant } from "../invariant.ts";

const quote = 0x22,
  comma = 0x2c,
  minus = 0x2d,
  dot = 0x2e,
  zero = 0x30,
  nine = 0x39,
  colon = 0x3a,
  backslash = 0x5c,
  openBrace = 0x7b;

const powersOfTen = Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`));
/** 1 where a text ends, or stops being plain. */
const endsRun = Uint8Array.from(
  { length: 256 },
  (_, byte) => Number(byte < 0x20 || byte === quote || byte === backslash),
);
/** Integers of so many digits are exact, and so is the quotient of such a one and a power of ten, rounded once. */
const exactDigits = 15;
/** Longer numbers are valid, and nobody's everyday. */
const numberBytesMax = 40;

export class JsonCursor {
  bytes: Uint8Array = new Uint8Array(0);
  /** Where the cursor stands. */
  at = 0;
  /** The bytes between the quotes of the text that was read last. */
  from = 0;
  to = 0;
  /** Whether that text is ASCII. */
  ascii = true;
  /** The milliseconds of midnight of the date that was read last, and its ten bytes: events come day by day. */
  #dayMs = NaN;
  readonly #day = new Uint8Array(10);

  begin(bytes: Uint8Array): void {
    this.bytes = bytes;
    this.at = 0;
  }

  /** Passes exactly these bytes, if they are what stands here. */
  passes(expected: Uint8Array): boolean {
    const { bytes, at } = this;
    const length = expected.length;
    if (at + length > bytes.length) return false;
    for (let i = 0; i < length; i++) if (bytes[at + i] !== expected[i]) return false;
    this.at = at + length;
    return true;
  }

  /** Passes white space, then this byte. */
  take(byte: number): boolean {
    const { bytes } = this;
    let at = this.at;
    if (bytes[at] === byte) {
      this.at = at + 1;
      return true;
    }
    while (at < bytes.length && isSpace(bytes[at]!)) at++;
    this.at = at + 1;
    return at < bytes.length && bytes[at] === byte;
  }

  /** The byte after white space, which stays; 0 at the end. */
  peek(): number {
    const { bytes } = this;
    let at = this.at;
    while (at < bytes.length && isSpace(bytes[at]!)) at++;
    this.at = at;
    return at < bytes.length ? bytes[at]! : 0;
  }

  /** Nothing but white space is left. */
  atEnd(): boolean {
    return this.peek() === 0 && this.at === this.bytes.length;
  }

  /** Whether there is another member, after the opening brace or the member before it. */
  comma(): boolean {
    return this.take(comma);
  }

  /** A key and its colon: `from` and `to` are what stands between its quotes. */
  key(): boolean {
    return this.text() && this.ascii && this.take(colon);
  }

  /** A text without escapes. What is not ASCII is not looked at: whoever keeps it has to check that it is UTF-8. */
  text(): boolean {
    if (!this.take(quote)) return false;
    const { bytes } = this;
    const from = this.at;
    let at = from;
    let all = 0;
    for (; at < bytes.length; at++) {
      const byte = bytes[at]!;
      if (endsRun[byte] === 1) break;
      all |= byte;
    }
    this.from = from;
    this.to = at;
    this.ascii = all < 0x80;
    this.at = at + 1;
    return at < bytes.length && bytes[at] === quote;
  }

  /** An ASCII text of so many characters. */
  asciiText(least: number, most: number): boolean {
    if (!this.text() || !this.ascii) return false;
    const length = this.to - this.from;
    return length >= least && length <= most;
  }

  /** Passes `null`, if that is what stands here. */
  isNull(): boolean {
    const byte = this.bytes[this.at]!;
    // Mostly something else stands here, without space before it.
    if (byte > 0x20 && byte !== 0x6e) return false;
    return this.peek() === 0x6e && this.literal("null");
  }

  literal(word: string): boolean {
    const { bytes, at } = this;
    if (at + word.length > bytes.length) return false;
    for (let i = 0; i < word.length; i++) if (bytes[at + i] !== word.charCodeAt(i)) return false;
    this.at = at + word.length;
    return true;
  }

  /** A number without exponent, exactly as JSON.parse reads it; NaN for anything else. */
  number(): number {
    const first = this.peek();
    const { bytes } = this;
    const start = this.at;
    let at = first === minus ? start + 1 : start;
    const whole = at;
    let digits = 0;
    for (; at < bytes.length && isDigit(bytes[at]!); at++) digits = digits * 10 + bytes[at]! - zero;
    if (at === whole || (at > whole + 1 && bytes[whole] === zero)) return NaN;
    let count = at - whole;
    let decimals = 0;
    if (at < bytes.length && bytes[at] === dot) {
      const fraction = ++at;
      for (; at < bytes.length && isDigit(bytes[at]!); at++) digits = digits * 10 + bytes[at]! - zero;
      decimals = at - fraction;
      if (decimals === 0) return NaN;
      count += decimals;
    }
    // An exponent, or anything else that goes on: not plain.
    if (at < bytes.length && (bytes[at]! | 0x20) === 0x65) return NaN;
    if (at - start > numberBytesMax) return NaN;
    this.at = at;
    if (count > exactDigits) return Number(asciiOf(bytes, start, at));
    const value = decimals === 0 ? digits : digits / powersOfTen[decimals]!;
    return first === minus ? -value : value;
  }

  /**
   * Passes a number from -most to most. One whose whole part is below `most` is within it whatever its decimals say,
   * and has not to be made; `most` is a whole number.
   */
  numberWithin(most: number): boolean {
    const first = this.peek();
    const { bytes } = this;
    const start = this.at;
    const whole = first === minus ? start + 1 : start;
    let at = whole;
    let value = 0;
    for (; at < bytes.length && isDigit(bytes[at]!); at++) value = value * 10 + bytes[at]! - zero;
    if (at === whole || (at > whole + 1 && bytes[whole] === zero)) return false;
    if (value >= most) {
      const exact = this.number();
      return exact >= -most && exact <= most;
    }
    if (at < bytes.length && bytes[at] === dot) {
      const fraction = ++at;
      while (at < bytes.length && isDigit(bytes[at]!)) at++;
      if (at === fraction) return false;
    }
    if (at < bytes.length && (bytes[at]! | 0x20) === 0x65) return false;
    this.at = at;
    return at - start <= numberBytesMax;
  }

  /** A value nobody asks for: a text, a number or a word. Objects and arrays are not plain. */
  skip(): boolean {
    switch (this.peek()) {
      case quote:
        return this.text() && this.ascii;
      case 0x74:
        return this.literal("true");
      case 0x66:
        return this.literal("false");
      case 0x6e:
        return this.literal("null");
      default:
        return !Number.isNaN(this.number());
    }
  }

  /**
   * A text that is a date and time with seconds, as milliseconds since the epoch: the same number as parseTimestamp()
   * gives, NaN where that refuses or where the form is a rarer one.
   */
  timestamp(): number {
    if (!this.asciiText(19, 40)) return NaN;
    const { bytes, from, to } = this;
    if (
      bytes[from + 4] !== minus || bytes[from + 7] !== minus || bytes[from + 13] !== colon ||
      bytes[from + 16] !== colon || (bytes[from + 10] !== 0x54 && bytes[from + 10] !== 0x20)
    ) return NaN;
    const hour = this.#pair(from + 11);
    const minute = this.#pair(from + 14);
    const second = this.#pair(from + 17);
    if (!(hour <= 23 && minute <= 59 && second <= 59)) return NaN;
    let at = from + 19;
    let milliseconds = 0;
    if (at < to && bytes[at] === dot) {
      let scale = 100;
      const fraction = ++at;
      for (; at < to && isDigit(bytes[at]!); at++) {
        if (at < fraction + 3) milliseconds += (bytes[at]! - zero) * scale;
        scale /= 10;
      }
      if (at === fraction || at - fraction > 9) return NaN;
    }
    const offsetMs = this.#zone(at, to);
    const ms = this.#midnight(from) + hour * 3_600_000 + minute * 60_000 + second * 1_000 + milliseconds -
      offsetMs;
    return ms >= 0 ? ms : NaN;
  }

  /** `Z`, `+01:00` or nothing: how far ahead of UTC, in milliseconds. */
  #zone(at: number, to: number): number {
    const { bytes } = this;
    if (at === to) return 0;
    const sign = bytes[at]!;
    if (at + 1 === to) return sign === 0x5a ? 0 : NaN;
    if (at + 6 !== to || bytes[at + 3] !== colon || (sign !== 0x2b && sign !== minus)) return NaN;
    const hours = this.#pair(at + 1);
    const minutes = this.#pair(at + 4);
    if (!(hours <= 23 && minutes <= 59)) return NaN;
    return (sign === minus ? -1 : 1) * (hours * 60 + minutes) * 60_000;
  }

  /** Of the ten bytes of a date. */
  #midnight(from: number): number {
    const { bytes } = this;
    let same = true;
    for (let i = 0; i < 10 && same; i++) same = bytes[from + i] === this.#day[i];
    if (same) return this.#dayMs;
    const year = this.#pair(from) * 100 + this.#pair(from + 2);
    const month = this.#pair(from + 5);
    const day = this.#pair(from + 8);
    if (!(year >= 1970 && month >= 1 && month <= 12 && day >= 1 && day <= 31)) return NaN;
    const ms = Date.UTC(year, month - 1, day);
    if (new Date(ms).getUTCDate() !== day) return NaN;
    this.#day.set(bytes.subarray(from, from + 10));
    this.#dayMs = ms;
    return ms;
  }

  /** Two digits, else NaN. */
  #pair(at: number): number {
    const tens = this.bytes[at]!;
    const ones = this.bytes[at + 1]!;
    return isDigit(tens) && isDigit(ones) ? (tens - zero) * 10 + ones - zero : NaN;
  }
}

const isDigit = (byte: number): boolean => byte >= zero && byte <= nine;

/** White space of JSON, and nothing else. */
const isSpace = (byte: number): boolean =>
  byte <= 0x20 && (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09);

/** Of each length an array to collect character codes in: making one for each text costs more than the text. */
const codes: number[][] = [];

/** Short ASCII bytes as text. */
export function asciiOf(bytes: Uint8Array, from: number, to: number): string {
  const of = codes[to - from] ??= new Array<number>(to - from).fill(0);
  for (let i = 0; i < of.length; i++) of[i] = bytes[from + i]!;
  return String.fromCharCode.apply(null, of);
}

/**
 * The words that may stand in a place (keys of an object, values of an enumeration), found by their bytes: one look
 * into a table that was searched for so that no two words fall on one place, and one comparison.
 */
export class Words {
  readonly #words: (Uint8Array | null)[] = [];
  readonly #indexes: number[] = [];
  readonly #factor: number;

  constructor(words: readonly string[]) {
    const all = words.map(ascii);
    let factor = 1;
    while (new Set(all.map((word) => place(word, 0, word.length, factor))).size < all.length) {
      invariant(++factor < 10_000, () => `no place of their own for ${words.join(", ")}`);
    }
    this.#factor = factor;
    for (let i = 0; i < places; i++) [this.#words[i], this.#indexes[i]] = [null, -1];
    all.forEach((word, index) => {
      const at = place(word, 0, word.length, factor);
      [this.#words[at], this.#indexes[at]] = [word, index];
    });
  }

  /** The index of the word, or -1. */
  find(bytes: Uint8Array, from: number, to: number): number {
    if (from === to) return -1;
    const at = place(bytes, from, to, this.#factor);
    const word = this.#words[at]!;
    if (word === null || word.length !== to - from) return -1;
    for (let i = 0; i < word.length; i++) if (word[i] !== bytes[from + i]) return -1;
    return this.#indexes[at]!;
  }
}

const places = 64;

/** By length and three bytes. */
function place(bytes: Uint8Array, from: number, to: number, factor: number): number {
  const length = to - from;
  const sum = length + bytes[from]! * 7 + bytes[from + (length >> 1)]! * 31 + bytes[to - 1]! * 13;
  return (sum * factor >> 4) & (places - 1);
}

/** Of a member whose key nobody asks for, and of what does not begin a member. */
export const unknownKey = -1;
export const noMember = -2;

/** The keys of an object. A producer writes them in the same order each time, so that of the object before is tried. */
export class Keys {
  readonly #words: Words;
  /** What mostly stands before the value, by the index of the key: of the first member, and of the others. */
  readonly #openings: Uint8Array[][];
  /** By its place in the object, the key that was found there last. */
  readonly #last: Int8Array;

  constructor(keys: readonly string[], membersMax: number) {
    this.#words = new Words(keys);
    this.#openings = ["{", ","].map((before) => keys.map((key) => ascii(`${before}"${key}":`)));
    this.#last = new Int8Array(membersMax).fill(unknownKey);
  }

  /** Passes all that stands before the value of the n-th member; the index of its key. */
  open(cursor: JsonCursor, n: number): number {
    const last = this.#last[n]!;
    if (last >= 0 && cursor.passes(this.#openings[n === 0 ? 0 : 1]![last]!)) return last;
    if (!cursor.take(n === 0 ? openBrace : comma) || !cursor.key()) return noMember;
    return this.#last[n] = this.#words.find(cursor.bytes, cursor.from, cursor.to);
  }
}

/** The bytes of an ASCII text. */
export function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}
