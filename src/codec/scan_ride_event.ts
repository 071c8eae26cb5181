/**
 * The plain form of a ride event, read from its bytes in one pass: what is usual is judged here, by the same rules as
 * the schema; everything else is left to parseRideEvent(). The two agree on every input: whatever is accepted here is
 * accepted by parseRideEvent() as the same event (tests/unit/codec/scan_test.ts holds them together).
 *
 * Texts stay bytes, so that a fold that needs hashes makes no strings; `event()` makes the whole event.
 */
import {
  type Canceller,
  cancellers,
  type Place,
  type RideEvent,
  type RideEventType,
  rideEventTypes,
} from "../../schemas/ride_event.ts";
import { hashAscii } from "../ids.ts";
import { limits } from "../limits.ts";
import { CityNames } from "./city_names.ts";
import { toCents } from "./money.ts";
import { ascii, asciiOf, JsonCursor, Keys, noMember, unknownKey, Words } from "./scan.ts";

const comma = 0x2c,
  openBrace = 0x7b,
  closeBrace = 0x7d;

/** The texts of an event that stay bytes. */
export const rideTexts = { ride_id: 0, event_id: 1, user_id: 2, driver_id: 3, reason: 4 } as const;
export type RideText = (typeof rideTexts)[keyof typeof rideTexts];

const keys = [
  ...["ride_id", "event_id", "user_id", "driver_id", "reason"],
  ...["event_type", "timestamp", "city", "pickup", "dropoff", "estimated_fare", "fare", "cancelled_by"],
];
const required = ["ride_id", "event_type", "timestamp"].reduce(
  (bits, key) => bits | 1 << keys.indexOf(key),
  0,
);
const placeOpenings = { lat: ascii('{"lat":'), lng: ascii(',"lng":') };
const typeWords = new Words(rideEventTypes);
const cancellerWords = new Words(cancellers);
const placeWords = new Words(["lat", "lng"]);

/** Fewer than limits.jsonKeysMax, with both places. */
const membersMax = limits.jsonKeysMax - 7;

export class RideEventScan {
  type: RideEventType = "requested";
  timeMs = 0;
  city: string | null = null;
  estimatedFareCents: number | null = null;
  fareCents: number | null = null;
  cancelledBy: Canceller | null = null;
  readonly #cursor = new JsonCursor();
  readonly #keys = new Keys(keys, membersMax);
  readonly #cities = new CityNames();
  /** From and to of each text of `rideTexts`, -1 where it is absent; then of lat and lng of both places. */
  readonly #spans = new Int32Array(2 * 9);
  readonly #derived = new Uint8Array(2 * limits.idCharsMax + 64);
  #bytes: Uint8Array = new Uint8Array(0);

  /** Whether the bytes are a valid event in its plain form; false decides nothing. */
  scan(bytes: Uint8Array): boolean {
    if (bytes.length > limits.recordBytesMax) return false;
    const cursor = this.#cursor;
    this.#begin(bytes);
    let seen = 0;
    for (let n = 0; n < membersMax; n++) {
      const key = this.#keys.open(cursor, n);
      if (key === noMember) return false;
      if (key === unknownKey) {
        if (!cursor.skip()) return false;
      } else {
        // Of a key that stands twice the last one counts: not usual.
        if ((seen & 1 << key) !== 0) return false;
        seen |= 1 << key;
        if (!this.#member(key)) return false;
      }
      if (bytes[cursor.at] !== comma && cursor.peek() === closeBrace) {
        cursor.at++;
        return (seen & required) === required && cursor.atEnd();
      }
    }
    return false;
  }

  has(text: RideText): boolean {
    return this.#spans[2 * text]! >= 0;
  }

  /** Where the text stands in the bytes that were scanned; -1 when it is absent. */
  from(text: RideText): number {
    return this.#spans[2 * text]!;
  }

  to(text: RideText): number {
    return this.#spans[2 * text + 1]!;
  }

  text(text: RideText): string | null {
    const from = this.#spans[2 * text]!;
    return from < 0 ? null : asciiOf(this.#bytes, from, this.#spans[2 * text + 1]!);
  }

  pickup(): Place | null {
    return this.#place(5);
  }

  /** The hash of the event's id, as hash64() gives it of `eventId`. */
  hashEventId(into: Uint32Array): void {
    if (this.has(rideTexts.event_id)) {
      hashAscii(this.#bytes, this.from(rideTexts.event_id), this.to(rideTexts.event_id), into);
      return;
    }
    const at = this.#copy(rideTexts.ride_id, 0);
    const middle = `|${this.type}|${this.timeMs}|`;
    for (let i = 0; i < middle.length; i++) this.#derived[at + i] = middle.charCodeAt(i);
    hashAscii(this.#derived, 0, this.#copy(rideTexts.driver_id, at + middle.length), into);
  }

  /** The whole event, as parseRideEvent() gives it. */
  event(): RideEvent {
    const rideId = this.text(rideTexts.ride_id)!;
    const driverId = this.text(rideTexts.driver_id);
    const { type, timeMs } = this;
    return {
      type,
      rideId,
      timeMs,
      eventId: this.text(rideTexts.event_id) ?? `${rideId}|${type}|${timeMs}|${driverId ?? ""}`,
      city: this.city,
      userId: this.text(rideTexts.user_id),
      driverId,
      pickup: this.#place(5),
      dropoff: this.#place(7),
      estimatedFareCents: this.estimatedFareCents,
      fareCents: this.fareCents,
      cancelledBy: this.cancelledBy,
      reason: this.text(rideTexts.reason),
    };
  }

  #begin(bytes: Uint8Array): void {
    this.#bytes = bytes;
    this.#cursor.begin(bytes);
    this.#spans.fill(-1);
    this.city = null;
    this.estimatedFareCents = null;
    this.fareCents = null;
    this.cancelledBy = null;
  }

  /** The value of a key that counts, by its index in `keys`. */
  #member(key: number): boolean {
    const cursor = this.#cursor;
    switch (key) {
      case 0:
        return this.#id(rideTexts.ride_id);
      case 1:
        return cursor.isNull() || this.#id(rideTexts.event_id);
      case 2:
        return cursor.isNull() || this.#id(rideTexts.user_id);
      case 3:
        return cursor.isNull() || this.#id(rideTexts.driver_id);
      case 4:
        return cursor.isNull() || this.#span(rideTexts.reason, 0, limits.reasonCharsMax);
      case 5: {
        const type = cursor.text() ? typeWords.find(this.#bytes, cursor.from, cursor.to) : -1;
        if (type !== -1) this.type = rideEventTypes[type]!;
        return type !== -1;
      }
      case 6:
        this.timeMs = cursor.timestamp();
        return !Number.isNaN(this.timeMs);
      case 7:
        return cursor.isNull() || this.#city();
      case 8:
        return cursor.isNull() || this.#placeAt(5);
      case 9:
        return cursor.isNull() || this.#placeAt(7);
      case 10:
        if (cursor.isNull()) return true;
        this.estimatedFareCents = this.#cents();
        return this.estimatedFareCents !== null;
      case 11:
        if (cursor.isNull()) return true;
        this.fareCents = this.#cents();
        return this.fareCents !== null;
      default: {
        if (cursor.isNull()) return true;
        const who = cursor.text() ? cancellerWords.find(this.#bytes, cursor.from, cursor.to) : -1;
        if (who !== -1) this.cancelledBy = cancellers[who]!;
        return who !== -1;
      }
    }
  }

  #id(text: RideText): boolean {
    return this.#span(text, 1, limits.idCharsMax);
  }

  #span(text: number, least: number, most: number): boolean {
    const cursor = this.#cursor;
    if (!cursor.asciiText(least, most)) return false;
    this.#spans[2 * text] = cursor.from;
    this.#spans[2 * text + 1] = cursor.to;
    return true;
  }

  #city(): boolean {
    if (!this.#cursor.text()) return false;
    const { from, to } = this.#cursor;
    this.city = this.#cities.find(this.#bytes, from, to);
    return this.city !== null;
  }

  #cents(): number | null {
    const amount = this.#cursor.number();
    return amount >= 0 && amount <= limits.fareCentsMax / 100 ? toCents(amount) : null;
  }

  /** `{"lat":…,"lng":…}` and nothing else; the numbers are judged here and made when somebody wants them. */
  #placeAt(span: number): boolean {
    const cursor = this.#cursor;
    if (cursor.passes(placeOpenings.lat)) {
      return this.#ordinate(span, 90) && (cursor.passes(placeOpenings.lng) || this.#isLng()) &&
        this.#ordinate(span + 1, 180) && cursor.take(closeBrace);
    }
    if (!cursor.take(openBrace)) return false;
    for (let member = 0; member < 2; member++) {
      if ((member === 1 && !cursor.comma()) || !cursor.key()) return false;
      const which = placeWords.find(this.#bytes, cursor.from, cursor.to);
      if (which === -1 || this.#spans[2 * (span + which)]! >= 0) return false;
      if (!this.#ordinate(span + which, which === 0 ? 90 : 180)) return false;
    }
    return cursor.take(closeBrace);
  }

  #isLng(): boolean {
    const cursor = this.#cursor;
    return cursor.comma() && cursor.key() && placeWords.find(this.#bytes, cursor.from, cursor.to) === 1;
  }

  #ordinate(span: number, most: number): boolean {
    const cursor = this.#cursor;
    cursor.peek();
    this.#spans[2 * span] = cursor.at;
    const isWithin = cursor.numberWithin(most);
    this.#spans[2 * span + 1] = cursor.at;
    return isWithin;
  }

  /** Copies the text to where an id is derived; returns where it ends. */
  #copy(text: RideText, at: number): number {
    for (let i = this.from(text); i < this.to(text); i++) this.#derived[at++] = this.#bytes[i]!;
    return at;
  }

  #place(span: number): Place | null {
    if (this.#spans[2 * span]! < 0) return null;
    return { lat: this.#number(span), lng: this.#number(span + 1) };
  }

  #number(span: number): number {
    this.#cursor.at = this.#spans[2 * span]!;
    return this.#cursor.number();
  }
}
