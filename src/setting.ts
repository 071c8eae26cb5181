/** One setting: its default, what it means, and what its value may be. */

export type Setting<T> = {
  fallback: T;
  /** What the value means and what follows from moving it. */
  help: string;
  /** What is allowed, in words. */
  allowed: string;
  /** A secret is never printed. */
  secret?: true;
  /** Changes a published number: part of the fold version. */
  numbers?: true;
  parse(text: string): T | undefined;
};

/** Keeps the type of the value. */
export const setting = <T>(s: Setting<T>): Setting<T> => s;
