// Completes package-lock.json with the optional platform packages that npm leaves out, so that `npm ci` works on
// every platform. Run after every `npm install`; tests/tidy_test.ts fails when the lock is incomplete.
import { readFileSync, writeFileSync } from "node:fs";

const lock = JSON.parse(readFileSync("package-lock.json", "utf8"));
for (const entry of Object.values({ ...lock.packages })) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const os = name.match(/darwin|linux|win32/)?.[0];
    const cpu = name.match(/arm64|x64/)?.[0];
    lock.packages[`node_modules/${name}`] ??= {
      version,
      ...(cpu && { cpu: [cpu] }),
      ...(os && { os: [os] }),
      optional: true,
      ...(entry.dev && { dev: true }),
    };
  }
}
lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)));
writeFileSync("package-lock.json", JSON.stringify(lock, null, 2) + "\n");
