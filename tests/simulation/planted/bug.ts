/** A bug as a text that takes the place of another one, in a copy of the tree and never in the product. */

export type Change = { file: string; find: string; put: string };

export type Bug = {
  name: string;
  changes: Change[];
  /** The suite that has to catch it: the simulation, or a file of tests where no simulation can get. */
  by: "simulation" | `tests/${string}`;
};

export const change = (file: string, find: string, put: string): Change => ({ file, find, put });
