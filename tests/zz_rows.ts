import { sinkTables } from "../src/sinks/rows.ts";
const t=sinkTables.find(t=>t.topic==="driver-locations")!;
const recs=Array.from({length:20000},(_,i)=>({offset:i,timestampMs:1.7e12+i,key:null,headers:null,value:new TextEncoder().encode(JSON.stringify({driver_id:"driver-"+(i*7919%5000),timestamp:new Date(1.7e12+i).toISOString(),lat:48.1+i%100/1e4,lng:17.1+i%77/1e4,city:"bratislava",status:"available",speed_kmh:33.5,heading:120,accuracy_m:5}))}));
import { decodeDriverLocation } from "../src/codec/driver_location.ts";
for(let k=0;k<6;k++){let a=performance.now();for(const r of recs)decodeDriverLocation(r.value);const d=performance.now()-a;a=performance.now();const l=recs.map(r=>t.row(r,{logEpoch:0,topic:"driver-locations",partition:1,replayed:false}));const e=performance.now()-a;a=performance.now();const j=l.map((x:any)=>x.line).join("\n");console.log("decode us",(d/20).toFixed(2),"row us",(e/20).toFixed(2),"join ms",(performance.now()-a).toFixed(1))}
