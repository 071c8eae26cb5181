/**
 * Phones of one city that are an hour ahead for a while. Which ones follows from seed and owner, not from chance
 * drawn on the way: switching them on changes no other event.
 */
import { hash64 } from "../ids.ts";
import { hourMs } from "../time.ts";
import type { Happening } from "./happening.ts";
import type { Scenario } from "./scenario.ts";

/** By how much the phone that sends this is ahead. */
export type PhoneClocks = (happening: Happening) => number;

export function fastClock(seed: number, { city, fromMs, untilMs, share }: Scenario): PhoneClocks {
  const fastBelow = share * 2 ** 32;
  return (happening) => {
    const { timeMs } = happening;
    if (happening.city !== city || timeMs < fromMs || timeMs >= untilMs) return 0;
    const owner = senderOf(happening);
    return owner !== null && hash64(`${seed}/phone/${owner}`).high < fastBelow ? hourMs : 0;
  };
}

/** Whose phone: the rider's for what riders do, else the driver's; null when the platform itself speaks. */
function senderOf({ topic, key, tail }: Happening): string | null {
  if (topic === "driver-locations") return key;
  return /"(?:user|driver)_id":"([^"]+)"/.exec(tail)?.[1] ?? null;
}
