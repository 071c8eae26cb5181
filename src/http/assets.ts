/**
 * The pages' own files, read once, under an address with the hash of all of them: kept by a browser for good, and
 * replaced at the next visit after a release. One hash for all, so that modules find each other by relative names.
 *
 *   /assets/3f9a…/live.js
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

export type Assets = {
  /** Hash of all files: what the pages of this release belong to. */
  release: string;
  path(file: AssetFile): string;
  answer(release: string, file: string, request: Request): Response | null;
};

const types = {
  "live.js": "text/javascript; charset=utf-8",
  "morph.js": "text/javascript; charset=utf-8",
  "act.js": "text/javascript; charset=utf-8",
  "keys.js": "text/javascript; charset=utf-8",
  "app.css": "text/css; charset=utf-8",
  "pages.css": "text/css; charset=utf-8",
  "icon.svg": "image/svg+xml",
} as const;
export type AssetFile = keyof typeof types;

export function readAssets(): Assets {
  const files = new Map(
    Object.entries(types).map(([file, type]) => {
      const bytes = new Uint8Array(readFileSync(new URL(`./assets/${file}`, import.meta.url)));
      return [file, { type, bytes, etag: `"${hashOf(bytes)}"` }] as const;
    }),
  );
  const release = hashOf(...[...files.values()].map(({ bytes }) => bytes));
  return {
    release,
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
