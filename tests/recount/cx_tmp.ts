import { decodeRideEvent } from "../../src/codec/ride_event.ts";
import { decodeDriverLocation } from "../../src/codec/driver_location.ts";
import { cityTraffic } from "../../src/traffic/city_traffic.ts";
import { trafficFormats } from "../../src/traffic/formats.ts";
import { jsonlLine } from "../../src/traffic/jsonl.ts";
import { timeOf } from "./recount.ts";
const enc = (v: any) => typeof v === "string" ? new TextEncoder().encode(v) : v;
const codes: any = {}; let bad = 0, good = 0, tdiff = 0;
for (const i of cityTraffic({seed:4, ratePerMinute: 3000, positionsShare:.5, events:200000, poison:.01, withoutZone:.3, withoutEventId:.2, withoutCity:.2, badClocks:.01}).items) {
  const d: any = i.topic === "ride-events" ? decodeRideEvent(enc(jsonlLine(i))) : decodeDriverLocation(enc(jsonlLine(i)));
  if (i.key.startsWith("poison")) { if (d.ok) { bad++; console.log("ACCEPTED", String(i.value).slice(0,200)); } else codes[d.code] = (codes[d.code]??0)+1; }
  else if (!d.ok) { bad++; if (bad<5) console.log("REFUSED", d, i.value); } else { good++; if (timeOf(JSON.parse(i.value as string).timestamp) !== d.event.timeMs) tdiff++; }
}
console.log({good, bad, tdiff, codes});
for (const [n,f] of [["nyc-taxi-2013","dev-rides-nyc-2013.csv.gz"],["sf-cabs-2008","dev-gps-sf-cabspotting-2008-2cabs.csv.gz"]] as const) {
  let ok=0, no=0; for await (const c of (await trafficFormats[n].open("../shared/data/"+f)).chunks) for (const i of c) { const d:any = i.topic === "ride-events" ? decodeRideEvent(enc(i.value)) : decodeDriverLocation(enc(i.value)); if (d.ok) ok++; else { no++; if (no<3) console.log(d, i.value);} }
  console.log(n, ok, no);
}
