/**
 * JSON written as bytes, value by value, for what is published with every few events: no object, no text and no second
 * pass. Whoever uses it writes the braces, commas and keys; what it writes is what JSON.stringify() would.
 *
 *   begin(most) ─► raw('{"city":') · text("x") · raw(',"at":') · time(ms) … ─► take()
 *
 * Many small results share a block (src/outgoing.ts): whoever keeps one keeps all of its block.
 */
import { asciiInto, roomFor, taken } from "./outgoing.ts";
import { dayMs, isoTime } from "./time.ts";

const quote = 0x22,
  backslash = 0x5c,
  minus = 0x2d,
  dot = 0x2e,
  zero = 0x30,
  colon = 0x3a;
const encoder = new TextEncoder();

export class JsonBytes {
  #bytes: Uint8Array = new Uint8Array(0);
  #from = 0;
  #at = 0;
  /** The day of the time that was written last, and its first eleven bytes: times come day by day. */
  #dayMs = NaN;
  readonly #day = new Uint8Array(11);

  /** `most`: bytes that will be written at most; texts have up to three for each of their units, escapes aside. */
  begin(most: number): void {
    [this.#bytes, this.#from] = roomFor(most);
    this.#at = this.#from;
  }

  /** Where the next byte goes, to name a part of the result by. */
  get at(): number {
    return this.#at;
  }

  /** A part of what was written. */
  part(from: number, to: number): Uint8Array {
    return this.#bytes.subarray(from, to);
  }

  take(): Uint8Array {
    taken(this.#bytes, this.#at);
    return this.#bytes.subarray(this.#from, this.#at);
  }

  /** ASCII, as it is. */
  raw(ascii: string): void {
    this.#at = asciiInto(this.#bytes, this.#at, ascii);
  }

  text(text: string | null): void {
    if (text === null) return this.raw("null");
    const from = this.#at;
    const bytes = this.#bytes;
    let at = from;
    bytes[at++] = quote;
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      if (unit < 0x20 || unit >= 0x80 || unit === quote || unit === backslash) return this.#rareText(text);
      bytes[at++] = unit;
    }
    bytes[at++] = quote;
    this.#at = at;
  }

  /** UTF-8 of which nothing has to be escaped; false, and nothing written, where something has. */
  utf8(from: Uint8Array, start: number, end: number): boolean {
    const bytes = this.#bytes;
    let at = this.#at;
    bytes[at++] = quote;
    for (let i = start; i < end; i++) {
      const byte = from[i]!;
      if (byte < 0x20 || byte === quote || byte === backslash) return false;
      bytes[at++] = byte;
    }
    bytes[at++] = quote;
    this.#at = at;
    return true;
  }

  integer(value: number): void {
    if (value < 0) {
      this.#bytes[this.#at++] = minus;
      value = -value;
    }
    let digits = 1;
    for (let power = 10; power <= value; power *= 10) digits++;
    const end = this.#at + digits;
    for (let at = end - 1; at >= this.#at; at--) {
      const next = Math.floor(value / 10);
      this.#bytes[at] = zero + (value - next * 10);
      value = next;
    }
    this.#at = end;
  }

  /** A whole number of hundredths (`decimals` 2) or thousandths (3), without zeros at the end. */
  decimal(value: number, decimals: 2 | 3): void {
    if (value < 0) {
      this.#bytes[this.#at++] = minus;
      value = -value;
    }
    const unit = decimals === 2 ? 100 : 1_000;
    const whole = Math.floor(value / unit);
    this.integer(whole);
    let rest = value - whole * unit;
    if (rest === 0) return;
    this.#bytes[this.#at++] = dot;
    for (let power = unit / 10; rest > 0; power /= 10) {
      const digit = Math.floor(rest / power);
      this.#bytes[this.#at++] = zero + digit;
      rest -= digit * power;
    }
  }

  /** As isoTime(), in quotes. */
  time(ms: number): void {
    const ofDay = ms - this.#dayMs;
    if (!(ofDay >= 0 && ofDay < dayMs)) {
      const text = isoTime(ms);
      // A year of more than four digits: not worth a way of its own.
      if (text.length !== 24) return this.raw(`"${text}"`);
      this.#dayMs = Math.floor(ms / dayMs) * dayMs;
      asciiInto(this.#day, 0, text.slice(0, 11));
      return this.time(ms);
    }
    const bytes = this.#bytes;
    bytes[this.#at++] = quote;
    bytes.set(this.#day, this.#at);
    this.#at += 11;
    const seconds = Math.floor(ofDay / 1_000);
    const minutes = Math.floor(seconds / 60);
    const hours = Math.floor(minutes / 60);
    this.#pair(hours, colon);
    this.#pair(minutes - hours * 60, colon);
    this.#pair(seconds - minutes * 60, dot);
    const millis = ofDay - seconds * 1_000;
    bytes[this.#at++] = zero + Math.floor(millis / 100);
    this.#pair(millis % 100, 0x5a);
    bytes[this.#at++] = quote;
  }

  #pair(value: number, then: number): void {
    const tens = Math.floor(value / 10);
    this.#bytes[this.#at++] = zero + tens;
    this.#bytes[this.#at++] = zero + value - tens * 10;
    this.#bytes[this.#at++] = then;
  }

  #rareText(text: string): void {
    this.#at += encoder.encodeInto(JSON.stringify(text), this.#bytes.subarray(this.#at)).written;
  }
}
