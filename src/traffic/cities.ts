/**
 * The cities of simulated traffic: real places with their real centres, and how demand is shared among them.
 *
 * Sizes follow Zipf's law in the order of the table. Demand follows the local day, taken from the longitude.
 */
import type { Place } from "../../schemas/ride_event.ts";
import { hourMs } from "../time.ts";
import { placeAt } from "./geography.ts";
import type { Random } from "./random.ts";

export type City = { name: string; centre: Place; radiusKm: number };

const places: [name: string, lat: number, lng: number, radiusKm: number][] = [
  ["bratislava", 48.1486, 17.1077, 6],
  ["vienna", 48.2082, 16.3738, 9],
  ["prague", 50.0755, 14.4378, 9],
  ["budapest", 47.4979, 19.0402, 9],
  ["warsaw", 52.2297, 21.0122, 10],
  ["berlin", 52.52, 13.405, 12],
  ["munich", 48.1351, 11.582, 9],
  ["hamburg", 53.5511, 9.9937, 10],
  ["london", 51.5074, -0.1278, 14],
  ["paris", 48.8566, 2.3522, 10],
  ["madrid", 40.4168, -3.7038, 10],
  ["barcelona", 41.3851, 2.1734, 8],
  ["lisbon", 38.7223, -9.1393, 7],
  ["rome", 41.9028, 12.4964, 10],
  ["milan", 45.4642, 9.19, 8],
  ["zurich", 47.3769, 8.5417, 6],
  ["amsterdam", 52.3676, 4.9041, 8],
  ["brussels", 50.8503, 4.3517, 7],
  ["copenhagen", 55.6761, 12.5683, 8],
  ["stockholm", 59.3293, 18.0686, 9],
  ["oslo", 59.9139, 10.7522, 7],
  ["helsinki", 60.1699, 24.9384, 8],
  ["tallinn", 59.437, 24.7536, 6],
  ["riga", 56.9496, 24.1052, 7],
  ["vilnius", 54.6872, 25.2797, 7],
  ["krakow", 50.0647, 19.945, 7],
  ["bucharest", 44.4268, 26.1025, 8],
  ["sofia", 42.6977, 23.3219, 7],
  ["athens", 37.9838, 23.7275, 8],
  ["istanbul", 41.0082, 28.9784, 14],
  ["dublin", 53.3498, -6.2603, 7],
  ["edinburgh", 55.9533, -3.1883, 6],
  ["new-york", 40.7128, -74.006, 14],
  ["boston", 42.3601, -71.0589, 8],
  ["chicago", 41.8781, -87.6298, 12],
  ["toronto", 43.6532, -79.3832, 11],
  ["montreal", 45.5017, -73.5673, 9],
  ["san-francisco", 37.7749, -122.4194, 8],
  ["los-angeles", 34.0522, -118.2437, 16],
  ["seattle", 47.6062, -122.3321, 9],
  ["mexico-city", 19.4326, -99.1332, 14],
  ["bogota", 4.711, -74.0721, 11],
  ["lima", -12.0464, -77.0428, 11],
  ["santiago", -33.4489, -70.6693, 10],
  ["buenos-aires", -34.6037, -58.3816, 12],
  ["sao-paulo", -23.5505, -46.6333, 14],
  ["nairobi", -1.2921, 36.8219, 9],
  ["lagos", 6.5244, 3.3792, 12],
  ["cape-town", -33.9249, 18.4241, 9],
  ["dubai", 25.2048, 55.2708, 12],
  ["mumbai", 19.076, 72.8777, 12],
  ["bengaluru", 12.9716, 77.5946, 11],
  ["singapore", 1.3521, 103.8198, 10],
  ["jakarta", -6.2088, 106.8456, 12],
  ["tokyo", 35.6762, 139.6503, 14],
  ["seoul", 37.5665, 126.978, 12],
  ["sydney", -33.8688, 151.2093, 12],
  ["auckland", -36.8509, 174.7645, 9],
];

export const knownCities: readonly City[] = places.map(([name, lat, lng, radiusKm]) => ({
  name,
  centre: { lat, lng },
  radiusKm,
}));

/** Shares that sum to 1, the n-th in proportion to 1 / n^0.9. */
export function zipfShares(count: number): number[] {
  const weights = Array.from({ length: count }, (_, i) => 1 / Math.pow(i + 1, 0.9));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}

/** Demand by local hour, before scaling: quiet before dawn, peaks at eight and at eighteen. */
const hourly = [
  ...[0.75, 0.6, 0.5, 0.45, 0.45, 0.55, 0.75, 1.05, 1.2, 1.1, 1.0, 1.0],
  ...[1.0, 1.0, 1.0, 1.05, 1.15, 1.25, 1.3, 1.25, 1.2, 1.15, 1.1, 0.95],
];
const hourlyMean = hourly.reduce((sum, factor) => sum + factor, 0) / hourly.length;

/** Demand at this time against the day's mean, which is 1. */
export function dailyWave(city: City, timeMs: number): number {
  const hours = timeMs / hourMs + city.centre.lng / 15;
  const whole = Math.floor(hours);
  const from = hourly[((whole % 24) + 24) % 24]!;
  const to = hourly[(((whole + 1) % 24) + 24) % 24]!;
  return (from + (to - from) * (hours - whole)) / hourlyMean;
}

/** A place in the city, denser towards its centre. */
export function placeIn(city: City, random: Random): Place {
  const km = Math.min(Math.abs(random.normal()) * city.radiusKm / 2, city.radiusKm);
  return placeAt(city.centre, random.between(0, 2 * Math.PI), km);
}
