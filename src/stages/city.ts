/** One city as the cities stage holds it: panes, what is frozen at its boundaries, its market and its alerts. */
import { utf8 } from "../ids.ts";
import type { CityPanesState } from "../windows/merge.ts";
import { CityPanes } from "../windows/merge.ts";
import type { NumberArena } from "../windows/number_arena.ts";
import { paneMs } from "../windows/settings.ts";
import type { AskedCells } from "./asked_cells.ts";
import { CityAlerts, type CityAlertsState } from "./city_alerts.ts";
import { CityMarket, type CityMarketState } from "./city_market.ts";
import type { StageContext } from "./context.ts";
import { CityUpdates } from "./city_updates.ts";
import { field, paneWidth } from "./pane_fields.ts";
import type { RideSums, Supply, UsualRides } from "./rule_figures.ts";

/** Frozen at a window's end: open requests from the ride sources, drivers from the location sources. */
export type Gauges = {
  open: number | null;
  supply: Supply | null;
  surge: number | null;
  /** What the ride sources said, until the supply of the boundary is closed, too. */
  rides: ClosedRides & { usual: UsualRides } | null;
};

/** What the ride sources said of a boundary, and where the requests of its last minute were made. */
export type ClosedRides = { sums: RideSums; cells: AskedCells };

export type CityState = {
  panes: CityPanesState;
  gauges: [endMs: number, gauges: Gauges][];
  alerts: CityAlertsState;
  market: CityMarketState;
};

export class City {
  readonly panes: CityPanes;
  readonly alerts: CityAlerts;
  readonly market: CityMarket;
  gauges = new Map<number, Gauges>();
  readonly updates = new CityUpdates();
  /** Where its windows are published. */
  readonly windowsPartition: number;

  /** `arena`: where the panes of all cities are. */
  constructor(context: StageContext, name: string, arena?: NumberArena) {
    this.windowsPartition = context.partitionOf("analytics-aggregated", utf8(name));
    this.panes = new CityPanes(paneWidth, context.windows.windowMs, arena);
    this.alerts = new CityAlerts(context);
    this.market = new CityMarket(context.surge, context.windows.windowMs);
  }

  gaugesAt(endMs: number): Gauges {
    let held = this.gauges.get(endMs);
    if (held === undefined) {
      this.gauges.set(endMs, held = { open: null, supply: null, surge: null, rides: null });
    }
    return held;
  }

  /** Keeps what was usual then: by the time the supply is closed, the rides may be far ahead. */
  closeRides(boundaryMs: number, rides: ClosedRides): void {
    const gauges = this.gaugesAt(boundaryMs);
    gauges.open = rides.sums[0] ?? 0;
    gauges.rides = { ...rides, usual: this.market.usualRides(boundaryMs) };
  }

  /** A guess at the minute before `endMs`, which has run that far: what it has, and of the one before what is to come. */
  provisionalSurge(endMs: number, run: number): number | null {
    const requests = (paneStartMs: number) => this.panes.value(paneStartMs, field.requests);
    const still = requests(endMs - 2 * paneMs) * Math.max(0, 1 - run);
    return this.market.provisional(endMs, requests(endMs - paneMs) + still);
  }

  state(): CityState {
    return {
      panes: this.panes.state(),
      gauges: [...this.gauges],
      alerts: this.alerts.state(),
      market: this.market.state(),
    };
  }

  restore({ panes, gauges, alerts, market }: CityState): void {
    this.panes.restore(panes);
    this.gauges = new Map(gauges);
    this.alerts.restore(alerts);
    this.market.restore(market);
  }
}
