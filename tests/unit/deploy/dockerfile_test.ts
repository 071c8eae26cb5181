import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readConfig, settings } from "../../../src/config.ts";
import { WaymarkError } from "../../../src/errors.ts";
import { syntaxOf } from "../../tidy/syntax.ts";
import { allPaths, filesMatching, productCode, readText } from "../../tidy/tree.ts";
import {
  copiedPaths,
  dockerfileBreaches,
  environmentOf,
  execForm,
  healthCommand,
  isPinned,
  letsThrough,
  parseDockerfile,
  resolved,
  valuesOf,
} from "./dockerfile.ts";
import { openRoutes } from "./open_routes.ts";

const text = readText("Dockerfile");
const file = parseDockerfile(text);
const manifest = JSON.parse(readText("package.json"));
const tasks: Record<string, string> = JSON.parse(readText("deno.json")).tasks;
const environment = environmentOf(file);
const product = filesMatching(productCode).map(syntaxOf);

const sound = [
  "FROM debian:13",
  "USER 5:5",
  "STOPSIGNAL SIGTERM",
  'HEALTHCHECK CMD ["a"]',
  'CMD ["a"]',
].join("\n");

describe("rules of a Dockerfile", () => {
  it("a sound one has no breach", () => assert.deepEqual(dockerfileBreaches(sound), []));

  const planted: [what: string, from: string, to: string, message: RegExp][] = [
    ["an image without a tag", "debian:13", "debian", /debian is not pinned/],
    ["latest", "debian:13", "debian:latest", /debian:latest is not pinned/],
    ["no user", "USER 5:5", "", /USER is not set/],
    ["root", "USER 5:5", "USER 0:0", /USER is 0:0/],
    ["a user by name", "USER 5:5", "USER app", /USER is app/],
    ["no health check", 'HEALTHCHECK CMD ["a"]\n', "", /HEALTHCHECK stands 0 times/],
    ["two commands", "USER 5:5", 'USER 5:5\nCMD ["b"]', /CMD stands 2 times/],
    ["a command in shell form", "USER 5:5", "USER 5:5\nENTRYPOINT a b", /shell form/],
    ["ADD", "USER 5:5", "USER 5:5\nADD a /a", /wanted: COPY/],
    ["lists of apt", "USER 5:5", "RUN apt-get update \\\n && apt-get install x\nUSER 5:5", /lists of apt/],
    ["a secret", "USER 5:5", "USER 5:5\nENV WAYMARK_READ_KEYS=x", /secret/],
  ];
  for (const [what, from, to, message] of planted) {
    it(`${what} is found`, () => {
      const wrong = sound.replace(from, to);
      assert.notEqual(wrong, sound);
      assert.match(dockerfileBreaches(wrong).join("\n"), message);
    });
  }

  it("isPinned takes a tag or digest and nothing that moves", () => {
    assert.deepEqual(
      ["redis:7.2.7", `a/b:1@sha256:${"0".repeat(64)}`, "redis", "redis:latest", "redis:", "redis:stable"]
        .map(isPinned),
      [true, true, false, false, false, false],
    );
  });
});

describe("the image", () => {
  it("keeps the rules", () => assert.deepEqual(dockerfileBreaches(text), []));

  it("has the Deno and the version of package.json", () => {
    assert.equal(file.args.get("DENO_VERSION"), manifest.devDependencies.deno);
    assert.equal(file.args.get("VERSION"), manifest.version);
    const froms = valuesOf(file.instructions, "FROM").map((value) => resolved(value, file));
    assert.ok(froms.includes(`denoland/deno:bin-${manifest.devDependencies.deno} AS deno`), froms.join());
  });

  it("copies what is there and what .dockerignore lets through", () => {
    const ignored = readText(".dockerignore");
    const paths = allPaths();
    const copied = copiedPaths(file.instructions);
    assert.deepEqual(copied.filter((path) => !paths.has(path)), []);
    assert.deepEqual(copied.filter((path) => !letsThrough(ignored, path)), []);
    assert.equal(letsThrough(ignored, ".env"), false);
    assert.ok(ignored.split("\n").includes("*"));
  });

  it("holds every file that the product imports, and every package", () => {
    const copied = copiedPaths(file.image);
    const held = (path: string) => copied.some((from) => path === from || path.startsWith(`${from}/`));
    const packages = Object.keys(manifest.dependencies);
    const isRuntime = (name: string) =>
      name.startsWith("node:") || name === "@std/async" ||
      packages.some((known) => name === known || name.startsWith(`${known}/`));
    const missing = product.flatMap(({ path, imports }) =>
      imports.filter(({ from, ours }) => ours ? !held(from) : !isRuntime(from))
        .map(({ from }) => `${path} imports ${from}`)
    );
    assert.deepEqual(missing, []);
    assert.ok(product.every(({ path }) => held(path)));
    assert.ok(held("sql/001_ride_events.sql"));
  });

  it("has Deno itself where the tasks call it and may start it", () => {
    const [, program] = /^(\S+) run/.exec(tasks.start!) ?? [];
    const [, mayRun] = /--allow-run=(\S+)/.exec(tasks.start!) ?? [];
    const [binary] = valuesOf(file.image, "COPY").filter((value) => value.startsWith("--from=deno "));
    assert.equal(binary, `--from=deno /deno ${mayRun}`);
    const links = valuesOf(file.image, "RUN").join("\n");
    assert.equal(program, "node_modules/.bin/deno");
    assert.match(links, /ln -s \.\.\/deno\/deno node_modules\/\.bin\/deno/);
    assert.match(links, /ln -s \/app\/node_modules\/deno\/deno \/usr\/local\/bin\/deno/);
  });

  it("runs the task of the contract", () => {
    assert.deepEqual(execForm(valuesOf(file.image, "CMD")[0]!), ["deno", "task", "start"]);
    assert.ok(tasks.start !== undefined);
  });

  it("sets settings that exist, and starts with keys only", () => {
    const own = Object.keys(environment).filter((name) => name.startsWith("WAYMARK_"));
    assert.deepEqual(own.filter((name) => !(name in settings)), []);
    const keys = { WAYMARK_INGEST_KEYS: "k".repeat(16), WAYMARK_READ_KEYS: "k".repeat(16) };
    assert.equal(readConfig({ ...environment, ...keys }).WAYMARK_DATA_DIR, "/data");
    assert.throws(
      () => readConfig(environment),
      (error: unknown) => error instanceof WaymarkError && error.code === "keys_required",
    );
  });

  it("listens on the port it exposes and keeps data in its volume", () => {
    assert.deepEqual(valuesOf(file.image, "EXPOSE"), [environment.WAYMARK_PORT]);
    assert.deepEqual(valuesOf(file.image, "VOLUME"), [environment.WAYMARK_DATA_DIR]);
    const [uid, gid] = valuesOf(file.image, "USER")[0]!.split(":");
    assert.match(valuesOf(file.image, "RUN")[0]!, new RegExp(`install -d -o ${uid} -g ${gid} .* /data`));
  });

  it("is healthy when an open route says so", () => {
    const [, path] = /GET (\S+) HTTP/.exec(healthCommand(file)!.at(-1)!) ?? [];
    assert.equal(path, "/readyz");
    assert.ok(openRoutes().includes(path!), path);
    assert.match(healthCommand(file)!.at(-1)!, /127\.0\.0\.1\/\$WAYMARK_PORT /);
  });
});
