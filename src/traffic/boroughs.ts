/**
 * New York's boroughs by bounding boxes: the first box that holds a place names its city.
 *
 * Boxes are coarse on purpose (a few streets along the rivers fall on the wrong side); what matters is six
 * cities of very different size, and the same answer every time. Manhattan leans, so it takes a row of boxes.
 */
import type { Place } from "../../schemas/ride_event.ts";

type Box = { city: string; south: number; north: number; west: number; east: number };

const box = (city: string, south: number, north: number, west: number, east: number): Box => ({
  city,
  south,
  north,
  west,
  east,
});

export const boroughBoxes: readonly Box[] = [
  box("manhattan", 40.7, 40.7085, -74.02, -73.999),
  box("manhattan", 40.7085, 40.73, -74.02, -73.971),
  box("manhattan", 40.73, 40.76, -74.015, -73.962),
  box("manhattan", 40.76, 40.8, -74.005, -73.94),
  box("manhattan", 40.8, 40.835, -73.985, -73.932),
  box("manhattan", 40.835, 40.88, -73.96, -73.92),
  box("bronx", 40.785, 40.92, -73.935, -73.765),
  box("brooklyn", 40.57, 40.705, -74.045, -73.86),
  box("brooklyn", 40.705, 40.739, -73.971, -73.922),
  box("queens", 40.54, 40.8, -73.962, -73.7),
  box("staten-island", 40.49, 40.65, -74.26, -74.05),
  box("newark", 40.65, 40.82, -74.3, -74.02),
];

/** `unknown` without a place, `outside` where no box holds it. */
export function boroughOf(place: Place | null): string {
  if (place === null) return "unknown";
  for (const { city, south, north, west, east } of boroughBoxes) {
    if (place.lat >= south && place.lat < north && place.lng >= west && place.lng < east) return city;
  }
  return "outside";
}
