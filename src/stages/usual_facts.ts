/**
 * The fact of a ride that ended by a usual step, written from its row: the bytes of rideFactOf() as JSON, without making
 * the ride, the fact or a text of it. Whatever is odd is left to that (tests/unit/stages/usual_steps_test.ts holds the two
 * together).
 */
import { limits } from "../limits.ts";
import { JsonBytes } from "../json_bytes.ts";
import * as at from "./ride_columns.ts";
import type { FactSource } from "./ride_fact.ts";
import type { RideRows } from "./ride_rows.ts";

/** Three ids, a city and a reason at their longest, times, numbers and keys. */
const bytesMax = 3 * 3 * limits.idCharsMax + 6 * (limits.cityCharsMax + limits.reasonCharsMax) + 1_024;

export class UsualFacts {
  key: Uint8Array = new Uint8Array(0);
  value: Uint8Array = new Uint8Array(0);
  readonly #rides: RideRows;
  readonly #json = new JsonBytes();

  constructor(rides: RideRows) {
    this.#rides = rides;
  }

  /** Leaves the record in `key` and `value`; false when the fact has to be made the long way. */
  write(row: number, source: FactSource, generation: number): boolean {
    const { columns, texts, words } = this.#rides;
    const { times, ints, states } = columns.page(row);
    const [t, i, s] = [columns.timesAt(row), columns.intsAt(row), columns.statesAt(row)];
    if (ints[i + at.marks] !== 0) return false;
    const json = this.#json;
    json.begin(bytesMax);
    this.#source(source, generation);
    json.raw(',"ride_id":');
    const idFrom = json.at + 1;
    if (!texts.writeJson(ints[i + at.idRef]!, json)) return false;
    const idTo = json.at - 1;
    json.raw(',"city":');
    json.text(words.word(ints[i + at.outcomeCity]!));
    const outcome = at.outcomes[states[s + at.outcome]!]!;
    json.raw(
      outcome === "completed"
        ? ',"outcome":"completed","cancelled_by":null'
        : `,"outcome":"cancelled","cancelled_by":"${outcome}"`,
    );
    json.raw(',"reason":');
    json.text(words.word(ints[i + at.reason]!));
    json.raw(',"driver_id":');
    if (!texts.writeJson(ints[i + at.driverRef]!, json)) return false;
    json.raw(',"user_id":');
    if (!texts.writeJson(ints[i + at.userRef]!, json)) return false;
    this.#times(times, t);
    json.raw(',"attempts":');
    json.integer(ints[i + at.attempts]!);
    this.#cents(',"estimated_fare":', ints[i + at.estimatedFare]!);
    this.#cents(',"fare":', ints[i + at.fare]!);
    json.raw(',"anomalies":[]}');
    this.value = json.take();
    this.key = json.part(idFrom, idTo);
    return true;
  }

  #source({ logEpoch, partition, offset, n }: FactSource, generation: number): void {
    const json = this.#json;
    json.raw('{"fact_id":"');
    json.integer(logEpoch);
    json.raw("/ride-events/");
    json.integer(partition);
    json.raw("/");
    json.integer(offset);
    json.raw("/");
    json.integer(n);
    json.raw('","generation":');
    json.integer(generation);
  }

  #times(times: Float64Array, t: number): void {
    const outcomeMs = times[t + at.outcomeMs]!;
    const [requestedMs, acceptedMs] = [times[t + at.requestedMs]!, times[t + at.acceptedMs]!];
    const startedMs = times[t + at.startedMs]!;
    this.#time(',"ended_at":', outcomeMs);
    this.#time(',"requested_at":', requestedMs);
    this.#time(',"accepted_at":', acceptedMs);
    this.#time(',"started_at":', startedMs);
    this.#seconds(',"request_to_accept_s":', requestedMs, acceptedMs);
    this.#seconds(',"accept_to_start_s":', acceptedMs, startedMs);
    this.#seconds(',"start_to_end_s":', startedMs, outcomeMs);
  }

  /** −1 is a time that is not known. */
  #time(key: string, ms: number): void {
    this.#json.raw(key);
    if (ms < 0) this.#json.raw("null");
    else this.#json.time(ms);
  }

  #seconds(key: string, fromMs: number, toMs: number): void {
    this.#json.raw(key);
    if (fromMs < 0 || toMs < 0) this.#json.raw("null");
    else this.#json.decimal(Math.max(0, toMs - fromMs), 3);
  }

  #cents(key: string, cents: number): void {
    this.#json.raw(key);
    if (cents < 0) this.#json.raw("null");
    else this.#json.decimal(cents, 2);
  }
}
