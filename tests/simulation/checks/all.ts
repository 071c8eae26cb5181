/** Every checker. Each judges evidence by itself and knows none of the others. */
import type { Checker } from "./evidence.ts";
import { alerts } from "./alerts.ts";
import { noLoss } from "./i1_no_loss.ts";
import { noDoubleCount } from "./i2_no_double_count.ts";
import { order } from "./i3_order.ts";
import { restore } from "./i4_restore.ts";
import { owners } from "./i5_owners.ts";
import { liveness } from "./i6_liveness.ts";
import { bounds } from "./i7_bounds.ts";
import { refusals } from "./refusals.ts";
import { sink } from "./i8_sink.ts";

export const checkers: readonly Checker[] = [
  noLoss,
  noDoubleCount,
  order,
  restore,
  owners,
  liveness,
  bounds,
  sink,
  alerts,
  refusals,
];
