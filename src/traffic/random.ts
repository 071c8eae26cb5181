/**
 * Chance from a seed: the same seed gives the same numbers on every machine.
 *
 * Streams with different names are independent, so that switching a disturbance on does not change which
 * rides take place. Generator: sfc32 (PractRand, Doty-Humphrey), seeded through hash64.
 */
import { hash64 } from "../ids.ts";

export type Random = {
  /** At least 0, below 1. */
  uniform(): number;
  /** At least `low`, below `high`. */
  between(low: number, high: number): number;
  /** An integer: at least 0, below `n`. */
  below(n: number): number;
  chance(probability: number): boolean;
  /** Exponential with this mean: the gap between arrivals that do not know of each other. */
  exponential(mean: number): number;
  /** Standard normal. */
  normal(): number;
  /** Log-normal: half below `median`, one in ten above `p90`. */
  logNormal(shape: LogNormal): number;
};

export type LogNormal = { median: number; p90: number };

/** The standard normal's 90th percentile. */
const normalP90 = 1.2815515655446004;

export function randomFrom(seed: number | string, stream = ""): Random {
  const uniform = sfc32(`${seed}/${stream}`);
  const normal = () => {
    // Box-Muller; 1 - u keeps the logarithm finite.
    return Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  };
  return {
    uniform,
    between: (low, high) => low + (high - low) * uniform(),
    below: (n) => Math.floor(uniform() * n),
    chance: (probability) => probability > 0 && uniform() < probability,
    exponential: (mean) => -mean * Math.log(1 - uniform()),
    normal,
    logNormal: ({ median, p90 }) => median * Math.exp(normal() * Math.log(p90 / median) / normalP90),
  };
}

function sfc32(seed: string): () => number {
  const first = hash64(seed);
  const second = hash64(`${seed}.`);
  let a = first.high | 0;
  let b = first.low | 0;
  let c = second.high | 0;
  let counter = 1;
  const next = () => {
    const sum = (a + b + counter++) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum | 0;
    return (sum >>> 0) / 4_294_967_296;
  };
  for (let i = 0; i < 12; i++) next();
  return next;
}
