/** What a partition of positions counts: drivers per city and boundary by what they do, and where the available ones are. */
import { type DriverStatus, driverStatuses } from "../../schemas/driver_location.ts";
import { limits } from "../limits.ts";
import { type CellCounts, CellTable, type CellTableState } from "../windows/cells.ts";
import { BoundaryGauge, type BoundaryGaugeState } from "../windows/gauges.ts";
import { paneMs } from "../windows/settings.ts";
import { supplyFields } from "./pane_fields.ts";

/** By the index of the status; -1 for one that is no supply. */
const fieldOf = driverStatuses.map((status: DriverStatus) =>
  supplyFields.findIndex((field) => field === status)
);

export type SupplyClosing = { city: string; values: number[]; cells: CellCounts };
const noCells: CellCounts = [];

export class SupplyCounts {
  readonly #drivers = new BoundaryGauge(supplyFields.length);
  readonly #cells = new CellTable(limits.cellsPerCityMax, paneMs);

  /** Entries held: boundaries times cities. */
  get size(): number {
    return this.#drivers.size;
  }

  /** `status`: its index. */
  add(boundaryMs: number, city: string, status: number, cell: string | null, by: 1 | -1): void {
    const field = fieldOf[status]!;
    if (field >= 0) this.#drivers.add(city, boundaryMs, field, by);
    if (cell !== null) this.#cells.add(boundaryMs, city, cell, by);
  }

  /** Of each city that has drivers at the boundary. Where it is passed, everything up to it is forgotten. */
  closings(boundaryMs: number, passed: boolean): SupplyClosing[] {
    const drivers = passed ? this.#drivers.close(boundaryMs) : this.#drivers.peek(boundaryMs);
    const cells = passed ? this.#cells.close(boundaryMs) : this.#cells.peek(boundaryMs);
    return drivers.map(([city, values]) => ({ city, values, cells: cells.get(city) ?? noCells }));
  }

  state(): [drivers: BoundaryGaugeState, cells: CellTableState] {
    return [this.#drivers.state(), this.#cells.state()];
  }

  restore([drivers, cells]: [BoundaryGaugeState, CellTableState]): void {
    this.#drivers.restore(drivers);
    this.#cells.restore(cells);
  }
}
