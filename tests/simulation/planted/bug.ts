/** A bug as a text that takes the place of another one, in a copy of the tree and never in the product. */

export type Change = { file: string; find: string; put: string };

export type Bug = {
  name: string;
  changes: Change[];
  /** The suite that has to catch it: the simulation, or a file of tests where no simulation can get. */
  by: "simulation" | `tests/${string}`;
};

export const change = (file: string, find: string, put: string): Change => ({ file, find, put });

/** The files that the bug changes, with what is in them then. Throws where a text does not stand exactly once. */
export async function changed(
  { changes }: Bug,
  read: (file: string) => string | Promise<string>,
): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for (const { file, find, put } of changes) {
    const text = files.get(file) ?? await read(file);
    const times = text.split(find).length - 1;
    if (times !== 1) {
      throw new Error(`${file} has the text ${times} times, wanted once: ${find.slice(0, 80)}`);
    }
    files.set(file, text.replace(find, () => put));
  }
  return files;
}
