/** Everything that `waymark services` started, for suites that need more than KAFKA_BROKERS: run.ts says where. */
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { findServices, type Services, startServices, stopServices } from "../../src/commands/services.ts";

export type Borrowed = { services: Services; giveBack(): Promise<void> };

/** Those out of TEST_SERVICES_FOLDER, to be left as they are; else some of its own, ended when given back. */
export async function borrowServices(): Promise<Borrowed> {
  const folder = process.env.TEST_SERVICES_FOLDER;
  const running = folder === undefined ? null : await findServices(folder);
  if (running !== null) return { services: running, giveBack: () => Promise.resolve() };
  return await ownServices();
}

/** Some of its own, for suites that break them. */
export async function ownServices(): Promise<Borrowed> {
  const services = await startServices({ folder: await mkdtemp(join(tmpdir(), "waymark-services-")) });
  return { services, giveBack: () => stopServices(services.folder) };
}
