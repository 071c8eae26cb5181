import process from "node:process";
import { memoryLog } from "../src/log/memory.ts";
import { topicSpecs } from "../src/log/topics.ts";
import { openEmbedded, sqlTime } from "../src/sinks/analytics.ts";
import { applyMigrations } from "../src/sinks/migrations.ts";
import { startSink } from "../src/sinks/clickhouse.ts";
import { readQuery } from "../src/sinks/queries.ts";
import { systemClock } from "../src/time.ts";
const naming={prefix:"",generation:1};
const utf8=(s:string)=>new TextEncoder().encode(s);
const t00=performance.now();
const a0=openEmbedded({path:Deno.makeTempDirSync()});
const ins:any[]=[];const a={...a0,insert:async(t:any,l:any,o:any)=>{const s=performance.now();const c0=process.cpuUsage();const r=await a0.insert(t,l,o);const c=process.cpuUsage(c0);ins.push([l.length,Math.round(performance.now()-s),Math.round((c.user+c.system)/1000)]);return r;}};
console.log("open 3 sessions ms",(performance.now()-t00).toFixed(0));
const t01=performance.now();await applyMigrations(a);console.log("migrate ms",(performance.now()-t01).toFixed(0));
const log=memoryLog({clock:systemClock});
await log.ensureTopics(topicSpecs(naming,1e13));
const N=Number(Deno.args[0]??400000);const base=Date.now()-3600_000;
const which=Deno.args[1]??"loc";
let batch:any[]=[];
for(let i=0;i<N;i++){
 if(which==="loc") batch.push({topic:"driver-locations",partition:i%24,key:null,timestampMs:base+i,value:utf8(JSON.stringify({driver_id:"driver-"+(i*7919%5000),timestamp:new Date(base+i).toISOString(),lat:48.1+i%100/1e4,lng:17.1+i%77/1e4,city:"bratislava",status:"available",speed_kmh:33.5,heading:120,accuracy_m:5}))});
 else {const r=Math.floor(i/4);batch.push({topic:"ride-events",partition:r%12,key:null,timestampMs:base+i*9,value:utf8(JSON.stringify({event_type:["requested","accepted","started","completed"][i%4],ride_id:"ride-"+r,event_id:"e"+i%4,timestamp:new Date(base+i*9).toISOString(),user_id:"u"+r%7000,...(i%4===1?{}:{city:"city-"+r%8}),...(i%4===0?{estimated_fare:(500+r%1000)/100}:{})}))});}
 if(batch.length===5000){await log.append(batch);batch=[];}
}
console.log("rss with log",(Deno.memoryUsage().rss/1e6).toFixed(0));
let worst=0,over20=0,last=performance.now();const iv=setInterval(()=>{const n=performance.now();const b=n-last-2;worst=Math.max(worst,b);if(b>20)over20++;last=n;},2);
await new Promise(r=>setTimeout(r,50));worst=0;over20=0;
const cpu0=process.cpuUsage();const t0=performance.now();
const sink=await startSink({log,analytics:a,clock:systemClock,insertMs:200,group:"b",naming,logEpoch:0});
while(sink.status().partitions.reduce((s,p)=>s+p.committed,0)<N) await new Promise(r=>setTimeout(r,20));
const d=performance.now()-t0;const c=process.cpuUsage(cpu0);
console.log("rows/s",(N/d*1000).toFixed(0),"cpu us/row",((c.user+c.system)/N).toFixed(2),"worst block",worst.toFixed(1),"over 20ms",over20,"rss",(Deno.memoryUsage().rss/1e6).toFixed(0));
await sink.stop();
if(which!=="loc"){for(let k=0;k<3;k++){const t=performance.now();worst=0;const rows=await a.query(await readQuery("city_windows_from_raw"),{window_minutes:5,from:sqlTime(base-1e7),to:sqlTime(base+1e8)});console.log("from_raw rows",rows.length,"ms",(performance.now()-t).toFixed(0),"worst",worst.toFixed(1));}
 console.log(await a.query("select event_type, count() from ride_events group by 1"));}
clearInterval(iv);await a.close();console.log("rss end",(Deno.memoryUsage().rss/1e6).toFixed(0));
