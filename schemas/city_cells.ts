/** Where in a city rides are wanted and drivers are free: value on `city-cells` (key `city`), one per closed boundary. */
import { z } from "zod";
import { cityName, isoUtc } from "./fields.ts";

const count = z.number().int().min(0);

export const cityCells = z.object({
  city: cityName,
  /** The boundary, event time. Of several records of a city the one with the greatest `at`, then `rev`, is the newest. */
  at: isoUtc,
  rev: z.string().regex(/^\d{19}$/),
  /** H3 resolution of the cells. */
  resolution: z.number().int().min(0).max(15),
  /** [H3 cell, requests of the window, available drivers, surge], in order of the cells. */
  cells: z.array(z.tuple([z.string(), count, count, z.number().min(1)])),
}).meta({
  title: "City cells",
  description: "Demand, supply and surge of a city by H3 cell, as of a boundary.",
});

export type CityCells = z.infer<typeof cityCells>;
