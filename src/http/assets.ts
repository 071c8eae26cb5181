/** The page's own files, read once. Revalidated by content hash: a new release shows at the next visit. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

export type Asset = { path: string; type: string; bytes: Uint8Array<ArrayBuffer>; etag: string };

const types: readonly (readonly [file: string, type: string])[] = [
  ["app.js", "text/javascript; charset=utf-8"],
  ["row.js", "text/javascript; charset=utf-8"],
  ["app.css", "text/css; charset=utf-8"],
  ["icon.svg", "image/svg+xml"],
];

export function readAssets(): ReadonlyMap<string, Asset> {
  return new Map(types.map(([file, type]) => {
    const bytes = new Uint8Array(readFileSync(new URL(`./assets/${file}`, import.meta.url)));
    const etag = `"${createHash("sha256").update(bytes).digest("hex").slice(0, 32)}"`;
    return [file, { path: `/assets/${file}`, type, bytes, etag }];
  }));
}

export function assetResponse(asset: Asset, request: Request): Response {
  const headers = { etag: asset.etag, "cache-control": "no-cache" };
  const known = (request.headers.get("if-none-match") ?? "").split(",").map((tag) =>
    tag.trim().replace(/^W\//, "")
  );
  if (known.includes(asset.etag)) return new Response(null, { status: 304, headers });
  return new Response(asset.bytes, { headers: { ...headers, "content-type": asset.type } });
}
