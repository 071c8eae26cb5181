/** Distances and directions between places, as exact as a city needs. */
import type { Place } from "../../schemas/ride_event.ts";

const earthRadiusKm = 6371.0088;
const radians = Math.PI / 180;
/** Length of one degree of latitude. */
export const kmPerDegree = earthRadiusKm * radians;

/** Great-circle distance (haversine). */
export function distanceKm(from: Place, to: Place): number {
  const halfLat = Math.sin((to.lat - from.lat) * radians / 2);
  const halfLng = Math.sin((to.lng - from.lng) * radians / 2);
  const h = halfLat * halfLat + Math.cos(from.lat * radians) * Math.cos(to.lat * radians) * halfLng * halfLng;
  return 2 * earthRadiusKm * Math.asin(Math.min(1, Math.sqrt(h)));
}

/** The place `km` away in the direction `bearing` (radians, clockwise from north); flat-earth within a city. */
export function placeAt(from: Place, bearing: number, km: number): Place {
  return {
    lat: from.lat + km * Math.cos(bearing) / kmPerDegree,
    lng: from.lng + km * Math.sin(bearing) / (kmPerDegree * Math.cos(from.lat * radians)),
  };
}

/** Direction from one place to another: radians, clockwise from north, -π to π. */
export function bearing(from: Place, to: Place): number {
  return Math.atan2((to.lng - from.lng) * Math.cos(from.lat * radians), to.lat - from.lat);
}

/** Five decimals: about a metre, what a phone knows. */
export const roundDegrees = (degrees: number): number => Math.round(degrees * 100_000) / 100_000;
