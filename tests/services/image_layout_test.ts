/**
 * The image without a container engine: the files that the Dockerfile copies, in the places where it puts them, run by
 * its command as a user who may write to nothing but the data folder, and asked by its health check.
 *
 * Left out: the base image and its C library, and that the root file system cannot be written at all.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { chmod, cp, mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { freePort } from "../../src/commands/doors.ts";
import { runToEnd } from "../../src/commands/services/launched.ts";
import { eventually } from "../conformance/eventually.ts";
import { home as checkout, readText } from "../tidy/tree.ts";
import {
  copiedPaths,
  environmentOf,
  execForm,
  healthCommand,
  parseDockerfile,
  valuesOf,
} from "../unit/deploy/dockerfile.ts";

const dockerfile = parseDockerfile(readText("Dockerfile"));
const [uid, gid] = valuesOf(dockerfile.image, "USER")[0]!.split(":").map(Number) as [number, number];
const readyMs = 180_000;
const drainedMs = 180_000;
/** Only root may become another user; anybody else is one already. */
const isRoot = process.getuid!() === 0;

describe("the image's files", () => {
  let home = "";
  let app = "";
  let environment: Record<string, string> = {};

  before(async () => {
    home = await mkdtemp(join(tmpdir(), "waymark-image-"));
    app = join(home, "app");
    await install();
    environment = {
      ...environmentOf(dockerfile),
      PATH: `${join(home, "bin")}:/usr/bin:/bin`,
      DENO_DIR: join(home, "deno-dir"),
      WAYMARK_DATA_DIR: join(home, "data"),
      WAYMARK_HOST: "127.0.0.1",
      WAYMARK_PORT: String(freePort("127.0.0.1", 0)),
    };
    await mkdir(environment.DENO_DIR!);
    const deno = join(home, "bin/deno");
    const cache = ["-C", app, `DENO_DIR=${environment.DENO_DIR}`, deno, "cache", "--quiet", "src/main.ts"];
    await runToEnd("env", cache, "");
    await mkdir(environment.WAYMARK_DATA_DIR!);
    await chmod(home, 0o755);
    await runToEnd("chmod", ["-R", "a+rX,a-w", app, environment.DENO_DIR!], "");
    if (isRoot) await runToEnd("chown", [`${uid}:${gid}`, environment.WAYMARK_DATA_DIR!], "");
  });

  after(async () => {
    if (home === "") return;
    await runToEnd("chmod", ["-R", "u+w", home], "");
    await rm(home, { recursive: true, force: true });
  });

  /** The stages, by hand. */
  async function install(): Promise<void> {
    await mkdir(app);
    const copied = copiedPaths(dockerfile.instructions);
    for (const path of copied) {
      await cp(fileURLToPath(new URL(path, checkout)), join(app, path), { recursive: true });
    }
    const [npm] = valuesOf(dockerfile.instructions, "RUN").filter((value) => value.startsWith("npm "));
    await runToEnd("env", ["-C", app, ...npm!.split(" ")], "Install npm");
    await mkdir(join(app, "node_modules/deno"));
    await cp(Deno.execPath(), join(app, "node_modules/deno/deno"));
    await symlink("../deno/deno", join(app, "node_modules/.bin/deno"));
    await mkdir(join(home, "bin"));
    await symlink(join(app, "node_modules/deno/deno"), join(home, "bin/deno"));
  }

  function begin(
    command: string[],
    more: Record<string, string> = {},
  ): { child: ChildProcess; output(): string; isOver(): boolean } {
    const [program = "", ...args] = command;
    const child = spawn(program, args, {
      cwd: app,
      env: { ...environment, ...more },
      ...(isRoot && { uid, gid }),
      stdio: ["ignore", "pipe", "pipe"],
    });
    let text = "";
    for (const stream of [child.stdout!, child.stderr!]) stream.on("data", (chunk) => text += chunk);
    let isOver = false;
    // Not its exit: that is told before its last words.
    child.once("close", () => isOver = true);
    return { child, output: () => text, isOver: () => isOver };
  }

  async function ended(
    { child, output, isOver }: ReturnType<typeof begin>,
  ): Promise<{ code: number | null; output: string }> {
    await eventually("it has ended", isOver, readyMs);
    return { code: child.exitCode, output: output() };
  }

  const healthy = async () => (await ended(begin(healthCommand(dockerfile)!))).code === 0;

  it("start, are healthy when ready, write nothing but data, and drain on SIGTERM", async () => {
    assert.notEqual((await ended(begin(["touch", join(app, "src/new")]))).code, 0);
    assert.equal(await healthy(), false);
    const service = begin(execForm(valuesOf(dockerfile.image, "CMD")[0]!)!);
    try {
      await eventually("the service is healthy", async () => {
        assert.equal(service.child.exitCode, null, service.output());
        return await healthy();
      }, readyMs);
    } finally {
      // Not by the child: Deno would then report the signal as its ending, whatever its exit code.
      if (service.child.exitCode === null) process.kill(service.child.pid!, "SIGTERM");
    }
    await eventually("it has drained", service.isOver, drainedMs);
    assert.deepEqual([service.child.exitCode, /drained/.test(service.output())], [0, true], service.output());
    assert.equal(await healthy(), false);
  });

  it("may start workers", async () => {
    const asked =
      "const p = { name: 'run', command: Deno.execPath() }; console.log(Deno.permissions.querySync(p).state);";
    const [, flag = ""] = /(--allow-run=\S+)/.exec(JSON.parse(readText("deno.json")).tasks.start) ?? [];
    const file = join(environment.WAYMARK_DATA_DIR!, "asked.ts");
    await Deno.writeTextFile(file, asked);
    const command = ["deno", "run", "--no-prompt", "--allow-read", "--allow-sys", flag, file];
    assert.equal((await ended(begin(command))).output.trim(), "granted");
  });

  it("refuse a door that anybody could open, with exit code 2", async () => {
    const { code, output } = await ended(begin(["deno", "task", "start"], { WAYMARK_HOST: "0.0.0.0" }));
    assert.equal(code, 2, output);
    assert.match(output, /\[keys_required\]/);
  });
});
