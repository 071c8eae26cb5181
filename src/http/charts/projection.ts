/**
 * Places on the earth to a drawing a few kilometres wide: pure. Straight lines and true proportions, no tiles.
 *
 * Over a city the earth is flat: a degree of longitude is as long as the cosine of the latitude says.
 */

export type Place = { lat: number; lng: number };
export type Point = { x: number; y: number };

export type Projection = {
  width: number;
  height: number;
  at(place: Place): Point;
  /** How many metres a unit of the drawing is. */
  metresPerUnit: number;
};

const metresPerDegree = 111_320;

/** Fits the places into the width and height, in the middle, with a margin. `leastMetres` across, for few places. */
export function projectionOf(
  places: readonly Place[],
  { width, height, margin, leastMetres }: {
    width: number;
    height: number;
    margin: number;
    leastMetres: number;
  },
): Projection {
  const lats = places.map(({ lat }) => lat);
  const lngs = places.map(({ lng }) => lng);
  const [south, north] = [Math.min(...lats), Math.max(...lats)];
  const [west, east] = [Math.min(...lngs), Math.max(...lngs)];
  const middle = { lat: (south + north) / 2, lng: (west + east) / 2 };
  const squeeze = Math.cos(middle.lat * Math.PI / 180);
  const across = Math.max((east - west) * squeeze, leastMetres / metresPerDegree);
  const along = Math.max(north - south, leastMetres / metresPerDegree);
  const scale = Math.min((width - 2 * margin) / across, (height - 2 * margin) / along);
  return {
    width,
    height,
    at: ({ lat, lng }) => ({
      x: width / 2 + (lng - middle.lng) * squeeze * scale,
      y: height / 2 - (lat - middle.lat) * scale,
    }),
    metresPerUnit: metresPerDegree / scale,
  };
}

/** A round length that takes up to `unitsMax` of the drawing. */
export function scaleBar(
  metresPerUnit: number,
  unitsMax: number,
): { metres: number; units: number; text: string } {
  const most = metresPerUnit * unitsMax;
  const power = 10 ** Math.floor(Math.log10(most));
  const metres = [5, 2, 1].map((n) => n * power).find((n) => n <= most) ?? power;
  const text = metres >= 1_000 ? `${metres / 1_000} km` : `${metres} m`;
  return { metres, units: metres / metresPerUnit, text };
}

/** Metres between two places, along a great circle (haversine). */
export function metresBetween(a: Place, b: Place): number {
  const rad = (degrees: number) => degrees * Math.PI / 180;
  const [dLat, dLng] = [rad(b.lat - a.lat), rad(b.lng - a.lng)];
  const h = Math.sin(dLat / 2) ** 2 + Math.cos(rad(a.lat)) * Math.cos(rad(b.lat)) * Math.sin(dLng / 2) ** 2;
  return 2 * 6_371_000 * Math.asin(Math.min(1, Math.sqrt(h)));
}
