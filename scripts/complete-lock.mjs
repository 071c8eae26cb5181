// Completes package-lock.json with the optional platform packages that npm leaves out, so that `npm ci` works on every platform.
// Run after every `npm install`; tests/tidy_test.ts fails when the lock is incomplete.
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";

const lock = JSON.parse(readFileSync("package-lock.json", "utf8"));
for (const entry of Object.values({ ...lock.packages })) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const key = `node_modules/${name}`;
    if (lock.packages[key] !== undefined) continue;
    const [os, cpu] = ["os", "cpu"].map((field) =>
      JSON.parse(
        execFileSync("npm", ["view", `${name}@${version}`, field, "--json"], { encoding: "utf8" }) || "null",
      )
    );
    lock.packages[key] = {
      version,
      ...(os && { os }),
      ...(cpu && { cpu }),
      optional: true,
      ...(entry.dev && { dev: true }),
    };
  }
}
lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)));
writeFileSync("package-lock.json", JSON.stringify(lock, null, 2) + "\n");
