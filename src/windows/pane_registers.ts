/**
 * What all source partitions told of one pane, in one place of an arena: their sums, then the newest register of each.
 *
 *   sums × width · sum of positions │ source · position · offset · n · values × n │ source · …
 */
import type { NumberArena } from "./number_arena.ts";

export type SourceRegister = [source: number, position: number, offset: number, values: number[]];

/** Numbers of a register before its values. */
const source = 0,
  position = 1,
  offset = 2,
  count = 3,
  valuesFrom = 4;
const none = -1;

export class PaneRegisters {
  readonly #arena: NumberArena;
  readonly #width: number;
  #place: number;
  #room: number;
  #used: number;

  /** `width`: values of a register. */
  constructor(arena: NumberArena, width: number) {
    this.#arena = arena;
    this.#width = width;
    this.#used = width + 1;
    this.#room = arena.roomFor(this.#used);
    this.#place = arena.take(this.#used);
  }

  /** Puts the register in the place of an older one of its source; false when there is one as new. */
  keep([from, at, lastOffset, values]: SourceRegister): boolean {
    const length = Math.min(values.length, this.#width);
    let where = this.#find(from);
    if (where === none) where = this.#append(from, length);
    else {
      const [numbers, base] = [this.#arena.block(this.#place), this.#arena.at(this.#place)];
      const held = base + where;
      if (numbers[held + position]! >= at) return false;
      numbers[base + this.#width]! -= numbers[held + position]!;
      for (let i = 0; i < numbers[held + count]!; i++) numbers[base + i]! -= numbers[held + valuesFrom + i]!;
      if (length > numbers[held + count]!) this.#widen(where, length);
    }
    const [numbers, base] = [this.#arena.block(this.#place), this.#arena.at(this.#place)];
    const held = base + where;
    numbers[held + position] = at;
    numbers[held + offset] = lastOffset;
    numbers[base + this.#width]! += at;
    for (let i = 0; i < numbers[held + count]!; i++) {
      const value = i < length ? values[i]! : 0;
      numbers[held + valuesFrom + i] = value;
      numbers[base + i]! += value;
    }
    return true;
  }

  /** A place behind all others for a source that has told nothing yet. */
  #append(from: number, length: number): number {
    const where = this.#used;
    this.#reserve(valuesFrom + length);
    const [numbers, base] = [this.#arena.block(this.#place), this.#arena.at(this.#place)];
    numbers[base + where + source] = from;
    numbers[base + where + count] = length;
    return where;
  }

  /** Makes a register longer: what is behind it moves. */
  #widen(where: number, length: number): void {
    const end = this.#used;
    const before = this.#arena.block(this.#place)[this.#arena.at(this.#place) + where + count]!;
    this.#reserve(length - before);
    const [numbers, base] = [this.#arena.block(this.#place), this.#arena.at(this.#place)];
    const from = base + where + valuesFrom;
    numbers.copyWithin(from + length, from + before, base + end);
    numbers[base + where + count] = length;
  }

  /** Makes room for so many numbers behind those that are used. */
  #reserve(more: number): void {
    this.#used += more;
    if (this.#used <= this.#room) return;
    const [before, room] = [this.#place, this.#room];
    this.#room = this.#arena.roomFor(this.#used);
    this.#place = this.#arena.take(this.#used);
    const from = this.#arena.at(before);
    this.#arena.block(this.#place).set(
      this.#arena.block(before).subarray(from, from + this.#used - more),
      this.#arena.at(this.#place),
    );
    this.#arena.free(before, room);
  }

  #find(from: number): number {
    const [numbers, base] = [this.#arena.block(this.#place), this.#arena.at(this.#place)];
    for (let at = this.#width + 1; at < this.#used; at += valuesFrom + numbers[base + at + count]!) {
      if (numbers[base + at + source] === from) return at;
    }
    return none;
  }

  /** The sum of one value. */
  value(field: number): number {
    return this.#arena.block(this.#place)[this.#arena.at(this.#place) + field]!;
  }

  /** Adds the sums, and behind them that of the positions. */
  addTo(sums: number[]): void {
    const [numbers, base] = [this.#arena.block(this.#place), this.#arena.at(this.#place)];
    for (let i = 0; i <= this.#width; i++) sums[i]! += numbers[base + i]!;
  }

  /** In the order in which the sources first told of the pane; values without the zeros at the end. */
  *all(): Generator<SourceRegister> {
    for (let at = this.#width + 1; at < this.#used;) {
      const register = this.#read(at);
      at += valuesFrom + this.#arena.block(this.#place)[this.#arena.at(this.#place) + at + count]!;
      yield register;
    }
  }

  /** What a source has in the pane. */
  of(from: number): SourceRegister | undefined {
    const at = this.#find(from);
    return at === none ? undefined : this.#read(at);
  }

  #read(where: number): SourceRegister {
    const numbers = this.#arena.block(this.#place);
    const held = this.#arena.at(this.#place) + where;
    let length = numbers[held + count]!;
    while (length > 0 && numbers[held + valuesFrom + length - 1] === 0) length--;
    const values = Array.from(numbers.subarray(held + valuesFrom, held + valuesFrom + length));
    return [numbers[held + source]!, numbers[held + position]!, numbers[held + offset]!, values];
  }

  /** Gives the place back; nothing of the pane is used afterwards. */
  leave(): void {
    this.#arena.free(this.#place, this.#room);
  }
}
