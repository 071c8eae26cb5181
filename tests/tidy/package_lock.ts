/** package-lock.json: complete for every platform, tied to no registry's address, and of one mind with the manifest. */

type Locked = { optionalDependencies?: Record<string, string>; resolved?: string; version?: string };
export type Lock = { packages: Record<string, Locked> };
export type PackageManifest = {
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
};

export function lockBreaches(lock: Lock, manifest: PackageManifest): string[] {
  const breaches: string[] = [];
  for (const [path, entry] of Object.entries(lock.packages)) {
    if (entry.resolved !== undefined) {
      breaches.push(`${path} has an address; run npm install with the .npmrc here`);
    }
    for (const name of Object.keys(entry.optionalDependencies ?? {})) {
      if (lock.packages[`node_modules/${name}`] === undefined) {
        breaches.push(`${name} is missing (optional part of ${path}); run node scripts/complete-lock.mjs`);
      }
    }
  }
  for (const [name, version] of Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })) {
    const locked = lock.packages[`node_modules/${name}`]?.version;
    if (!/^\d+\.\d+\.\d+$/.test(version)) {
      breaches.push(`package.json names ${name} ${version}; allowed: one exact version`);
    } else if (locked !== version) {
      breaches.push(`package.json names ${name} ${version}, the lock ${locked ?? "none"}`);
    }
  }
  return breaches;
}
