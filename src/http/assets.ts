/**
 * The pages' own files, read once, under an address with the hash of all of them: kept by a browser for good, and
 * replaced at the next visit after a release. One hash for all, so that modules find each other by relative names.
 *
 *   /assets/3f9a…/live.js
 *
 * Style sheets stand in the pages themselves: a browser paints nothing before it has them, and asking for them takes as
 * long as the page itself. The content policy names each by its hash and lets no other style in.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { fromUtf8, utf8 } from "../ids.ts";
import { type Markup, styleElement } from "./pages/markup.ts";

export type Assets = {
  /** Hash of all files: what the pages of this release belong to. */
  release: string;
  path(file: AssetFile): string;
  answer(release: string, file: string, request: Request): Response | null;
  styles: readonly Markup[];
  /** The policy's sources for them. */
  styleSources: readonly string[];
};

const types = {
  "live.js": "text/javascript; charset=utf-8",
  "morph.js": "text/javascript; charset=utf-8",
  "announce.js": "text/javascript; charset=utf-8",
  "act.js": "text/javascript; charset=utf-8",
  "keys.js": "text/javascript; charset=utf-8",
  "icon.svg": "image/svg+xml",
} as const;
export type AssetFile = keyof typeof types;

const sheets = ["app.css", "pages.css"] as const;

const read = (file: string): Uint8Array<ArrayBuffer> =>
  new Uint8Array(readFileSync(new URL(`./assets/${file}`, import.meta.url)));

export function readAssets(): Assets {
  const files = new Map(
    Object.entries(types).map(([file, type]) => {
      const bytes = read(file);
      return [file, { type, bytes, etag: `"${hashOf(bytes)}"` }] as const;
    }),
  );
  const styles = sheets.map((file) => fromUtf8(read(file)));
  const release = hashOf(...[...files.values()].map(({ bytes }) => bytes), ...styles.map(utf8));
  return {
    release,
    styles: styles.map(styleElement),
    styleSources: styles.map((text) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`),
    path: (file) => `/assets/${release}/${file}`,
    answer(asked, file, request) {
      const found = files.get(file);
      if (found === undefined) return null;
      const { type, bytes, etag } = found;
      // While releases change, a page of the one asks a node of the other: it gets what there is, not to be kept.
      const keep = asked === release ? "public, max-age=31536000, immutable" : "no-cache";
      const headers = { etag, "cache-control": keep };
      const known = (request.headers.get("if-none-match") ?? "").split(",").map((tag) =>
        tag.trim().replace(/^W\//, "")
      );
      if (known.includes(etag)) return new Response(null, { status: 304, headers });
      return new Response(bytes, { headers: { ...headers, "content-type": type } });
    },
  };
}

function hashOf(...parts: Uint8Array[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex").slice(0, 16);
}
