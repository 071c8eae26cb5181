/**
 * The drivers of one partition as rows of flat pages, as rides are in ride_rows.ts: no object per driver, so that a
 * million of them cost the garbage collector nothing.
 *
 *   id ─► RowIndex ─► row ─► numbers (5 × 8 bytes) · ints (14 × 4) ─┬─► TextArena     id, ride
 *                      ▲                                            ├─► WordTable     cities
 *                      └── next · previous: the order they came in  ├─► SupplyPoints  what they count as
 *                                                                   ├─► SeenPoints    what could come again
 *                                                                   └─► TrailPoints   where they were last
 *
 * `Driver` of actors/driver.ts is the same as an object: `driver()` makes it, `write()` takes it back. When drivers
 * leave is told by DueRows; their order is part of the state, as is who is there.
 */
import type { Driver } from "../../actors/driver.ts";
import { driverStatuses } from "../../schemas/driver_location.ts";
import * as at from "./driver_columns.ts";
import { DriverColumns } from "./driver_columns.ts";
import { DueRows } from "./due_rows.ts";
import type { Refused } from "./intake.ts";
import { hashOfId, RowIndex } from "./row_index.ts";
import { SeenPoints } from "./seen_points.ts";
import { SupplyPoints } from "./supply_points.ts";
import { TextArena } from "./text_arena.ts";
import { TextScratch } from "./text_scratch.ts";
import { TrailPoints, trailStride } from "./trail_points.ts";
import { WordTable } from "./word_table.ts";

/** A driver with the points it has seen lately (`seen`: event time ms, id as one number) and its trail. */
export type DriverMemory = { driver: Driver; seen: number[]; trail: number[]; refused: Refused | null };

export const noRow = -1;

export class DriverRows {
  readonly columns = new DriverColumns();
  readonly supply = new SupplyPoints(this.columns);
  readonly seen = new SeenPoints(this.columns);
  readonly trail = new TrailPoints(this.columns);
  readonly words = new WordTable();
  readonly #texts = new TextArena();
  readonly #index = new RowIndex();
  readonly #due: DueRows;
  readonly #free: number[] = [];
  readonly #refused = new Map<number, Refused>();
  #oldest = noRow;
  #newest = noRow;
  readonly #scratch = new TextScratch();
  /** The id that is looked for. */
  #bytes: Uint8Array = new Uint8Array(0);
  #from = 0;
  #to = 0;
  readonly #isWanted = (row: number): boolean =>
    this.#texts.equals(this.columns.int(row, at.idRef), this.#bytes, this.#from, this.#to);

  /** `dueMs`: the watermark at which a driver may leave; never earlier for a newer point. */
  constructor(dueMs: (latestMs: number) => number) {
    this.#due = new DueRows({
      dueMs: (row) => dueMs(this.columns.number(row, at.latestMs)),
      lookMinute: (row) => this.columns.int(row, at.lookMinute),
      setLookMinute: (row, minute) => this.columns.setInt(row, at.lookMinute, minute),
      leave: (row) => this.#remove(row),
    });
  }

  get size(): number {
    return this.#index.size;
  }

  /** The row of the driver with this id, or `noRow`. */
  find(bytes: Uint8Array, from: number, to: number): number {
    this.#bytes = bytes;
    this.#from = from;
    this.#to = to;
    return this.#index.find(hashOfId(bytes, from, to), this.#isWanted);
  }

  findId(id: string): number {
    if (!this.#scratch.fits(id)) return noRow;
    return this.find(this.#scratch.bytes, 0, this.#scratch.write(id));
  }

  /** A row for a driver that is not there yet; it is one of the actors only after `enter()`. */
  add(bytes: Uint8Array, from: number, to: number): number {
    const row = this.#free.pop() ?? this.columns.take();
    this.columns.clear(row);
    const { ints } = this.columns.page(row);
    const i = this.columns.intsAt(row);
    ints[i + at.idRef] = this.#texts.put(bytes, from, to);
    ints[i + at.hash] = hashOfId(bytes, from, to);
    this.#index.add(ints[i + at.hash]!, row);
    this.#append(row);
    return row;
  }

  addId(id: string): number {
    return this.add(this.#scratch.bytes, 0, this.#scratch.write(id));
  }

  /** To be called when the first point of a new row is written: from now on it is due at some time. */
  enter(row: number): void {
    this.#due.add(row);
  }

  refuse(row: number, refused: Refused): void {
    this.#refused.set(row, refused);
  }

  /** Why the driver's last refused point was refused; null where none was. */
  refused(row: number): Refused | null {
    return this.#refused.get(row) ?? null;
  }

  id(row: number): string {
    return this.#texts.text(this.columns.int(row, at.idRef))!;
  }

  /** The ride that the driver is on. */
  rideId(row: number): string | null {
    return this.#texts.text(this.columns.int(row, at.rideRef));
  }

  memory(row: number): DriverMemory {
    return {
      driver: this.driver(row),
      seen: this.seen.list(row),
      trail: this.trail.list(row),
      refused: this.refused(row),
    };
  }

  driver(row: number): Driver {
    const { numbers, ints } = this.columns.page(row);
    const [n, i] = [this.columns.numbersAt(row), this.columns.intsAt(row)];
    return {
      id: this.id(row),
      city: this.words.word(ints[i + at.city]!),
      status: driverStatuses[ints[i + at.status]! - 1] ?? null,
      lat: numbers[n + at.lat]!,
      lng: numbers[n + at.lng]!,
      speedKmh: orNull(numbers[n + at.speedKmh]!),
      heading: orNull(numbers[n + at.heading]!),
      rideId: this.rideId(row),
      latestMs: numbers[n + at.latestMs]!,
      jumps: ints[i + at.jumps]!,
      supply: this.#supplyOf(row),
    };
  }

  write(row: number, driver: Driver): void {
    const { numbers, ints } = this.columns.page(row);
    const [n, i] = [this.columns.numbersAt(row), this.columns.intsAt(row)];
    numbers[n + at.lat] = driver.lat;
    numbers[n + at.lng] = driver.lng;
    numbers[n + at.speedKmh] = driver.speedKmh ?? -1;
    numbers[n + at.heading] = driver.heading ?? -1;
    numbers[n + at.latestMs] = driver.latestMs;
    ints[i + at.status] = driver.status === null ? 0 : driverStatuses.indexOf(driver.status) + 1;
    ints[i + at.jumps] = driver.jumps;
    ints[i + at.city] = this.word(driver.city);
    this.putRide(row, driver.rideId);
    this.supply.dropUntil(row, Infinity);
    for (const point of driver.supply) {
      const node = this.supply.insert(row, point.boundaryMs);
      this.supply.setAt(node, point.atMs);
      this.supply.set(node, driverStatuses.indexOf(point.status), this.word(point.city), point.cell);
    }
  }

  /** The index of a city. It has to be written to a row or a node before the next is asked for. */
  word(word: string | null): number {
    if (word !== null && this.words.isFull) this.#sweep();
    return this.words.index(word);
  }

  /** The indexes of some cities. They have to be written to rows and nodes before `word()` or `write()` puts another. */
  indexesOf(words: readonly (string | null)[]): number[] {
    if (this.words.isFull) this.#sweep();
    return words.map((word) => this.words.index(word));
  }

  putRide(row: number, rideId: string | null): void {
    if (rideId === null) this.clearRide(row);
    else this.setRide(row, this.#scratch.bytes, 0, this.#scratch.write(rideId));
  }

  /** Puts the ride's id, if it is not the one that is there already. */
  setRide(row: number, bytes: Uint8Array, from: number, to: number): void {
    const held = this.columns.int(row, at.rideRef);
    if (held !== 0 && this.#texts.equals(held, bytes, from, to)) return;
    this.#texts.free(held);
    this.columns.setInt(row, at.rideRef, this.#texts.put(bytes, from, to));
  }

  clearRide(row: number): void {
    this.#texts.free(this.columns.int(row, at.rideRef));
    this.columns.setInt(row, at.rideRef, 0);
  }

  /** The rows in the order their drivers came. None may come or leave between two of them. */
  *inOrder(): Generator<number> {
    for (let row = this.#oldest; row !== noRow; row = this.columns.int(row, at.next)) yield row;
  }

  /** In no order. Drivers may come and leave between two of them: those may be missed, no other is. */
  *rows(): Generator<number> {
    for (let row = 0; row < this.columns.rows; row++) {
      if (this.columns.int(row, at.lookMinute) !== 0) yield row;
    }
  }

  /** Puts a driver as its memory; entries of a snapshot of format 1 are that. */
  restore({ driver, seen, trail, refused }: DriverMemory): void {
    const row = this.addId(driver.id);
    this.write(row, driver);
    for (let n = 0; n < seen.length; n += 2) this.seen.add(row, seen[n]!, seen[n + 1]!);
    for (let n = 0; n < trail.length; n += trailStride) {
      this.trail.add(
        row,
        trail[n]!,
        trail[n + 1]!,
        trail[n + 2]!,
        trail[n + 3]!,
        trail[n + 4]!,
        trail[n + 5]!,
      );
    }
    if (refused !== null) this.#refused.set(row, refused);
    this.enter(row);
  }

  /** Lets go of everyone due at the watermark. */
  evictDue(watermarkMs: number): void {
    this.#due.evict(watermarkMs);
  }

  /** Lets the one that came first go, to keep a bound. */
  evictOldest(): void {
    if (this.#oldest !== noRow) this.#remove(this.#oldest);
  }

  #supplyOf(row: number): Driver["supply"] {
    const { supply } = this;
    const points: Driver["supply"] = [];
    for (let node = supply.first(row); node !== at.none; node = supply.next(node)) {
      points.push({
        boundaryMs: supply.boundaryMs(node),
        atMs: supply.atMs(node),
        status: driverStatuses[supply.status(node)]!,
        city: this.words.word(supply.city(node))!,
        cell: supply.cell(node),
      });
    }
    return points;
  }

  #append(row: number): void {
    this.columns.setInt(row, at.next, noRow);
    this.columns.setInt(row, at.previous, this.#newest);
    if (this.#newest === noRow) this.#oldest = row;
    else this.columns.setInt(this.#newest, at.next, row);
    this.#newest = row;
  }

  #remove(row: number): void {
    const { ints } = this.columns.page(row);
    const i = this.columns.intsAt(row);
    const [before, after] = [ints[i + at.previous]!, ints[i + at.next]!];
    if (before === noRow) this.#oldest = after;
    else this.columns.setInt(before, at.next, after);
    if (after === noRow) this.#newest = before;
    else this.columns.setInt(after, at.previous, before);
    this.#index.remove(ints[i + at.hash]!, row);
    this.#texts.free(ints[i + at.idRef]!);
    this.#texts.free(ints[i + at.rideRef]!);
    this.supply.dropUntil(row, Infinity);
    this.seen.clear(row);
    this.trail.clear(row);
    this.#refused.delete(row);
    ints[i + at.lookMinute] = 0;
    this.#free.push(row);
  }

  #sweep(): void {
    const used = new Set<number>();
    for (const row of this.inOrder()) {
      used.add(this.columns.int(row, at.city));
      for (let node = this.supply.first(row); node !== at.none; node = this.supply.next(node)) {
        used.add(this.supply.city(node));
      }
    }
    this.words.sweep(used);
  }
}

const orNull = (value: number): number | null => value < 0 ? null : value;
