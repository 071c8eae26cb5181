/** The traffic of the equality tests: everything that goes wrong on the way of an event, in known shares. */
import { minuteMs } from "../../src/time.ts";
import { cityTraffic, type CityTrafficOptions } from "../../src/traffic/city_traffic.ts";

/** About 42 minutes; three of four items are ride events. */
export function disturbedTraffic(given: Pick<CityTrafficOptions, "seed" | "ratePerMinute">) {
  return cityTraffic({
    ...{ cities: 5, durationMs: 42 * minuteMs, positionsShare: 0.25 },
    ...{ withoutCity: 0.5, withoutEventId: 0.4, withoutZone: 0.3 },
    ...{ duplicates: 0.05, disorder: 0.1, late: 0.02, tooLate: 0.005, badClocks: 0.003, poison: 0.003 },
    ...given,
  });
}
