/** Places as H3 cells: the grid that demand and supply are counted in. */
import { cellToBoundary, getResolution, gridDisk, isValidCell, latLngToCell } from "h3-js";

export const cellAt = (place: { lat: number; lng: number }, resolution: number): string =>
  latLngToCell(place.lat, place.lng, resolution);

export const resolutionOf = (cell: string): number => getResolution(cell);

/** The cell and its six neighbours. */
export const cellsNear = (cell: string): string[] => gridDisk(cell, 1);

/** The corners of a cell, in order; none for what is no cell. */
export const outlineOf = (cell: string): { lat: number; lng: number }[] =>
  isValidCell(cell) ? cellToBoundary(cell).map(([lat, lng]) => ({ lat, lng })) : [];
