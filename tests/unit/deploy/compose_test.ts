import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { describe, it } from "node:test";
import { parse } from "yaml";
import { parse as parseArguments } from "../../../src/commands/command.ts";
import { trafficCommand } from "../../../src/commands/traffic.ts";
import { trafficFrom } from "../../../src/commands/traffic_options.ts";
import { readConfig, settings } from "../../../src/config.ts";
import { home, readText } from "../../tidy/tree.ts";
import {
  type Compose,
  composeBreaches,
  exampleOf,
  isOneShot,
  leavesTimeToDrain,
  parseCompose,
  type Service,
  variablesOf,
} from "./compose.ts";
import { environmentOf, parseDockerfile, valuesOf } from "./dockerfile.ts";
import { readRoutes } from "./open_routes.ts";

const text = readText("docker-compose.yml");
const dockerfile = parseDockerfile(readText("Dockerfile"));
const manifest = JSON.parse(readText("package.json"));
const tasks = JSON.parse(readText("deno.json")).tasks;
const example = exampleOf(readText(".env.example"));
/** As the command in .env.example fills them. */
const variables = Object.fromEntries(
  Object.keys(example).map((name, i) => [name, `${i}`.repeat(48)]),
);
const compose = parseCompose(text, variables);
const ours = Object.entries(compose.services).filter(([, service]) => service.build !== undefined);
const nodes = ours.filter(([, service]) => service.command === undefined);
const world = {
  imageIsHealthy: (service: Service) => service.build !== undefined,
  exists: (path: string) => existsSync(new URL(path, home)),
};
const given = (service: Service) => ({ ...environmentOf(dockerfile), ...service.environment });

describe("rules of a compose file", () => {
  const sound = (): Compose => ({
    services: {
      once: { ...service, restart: "no", ports: [] },
      door: {
        ...service,
        volumes: ["v:/v"],
        depends_on: { once: { condition: "service_completed_successfully" } },
      },
    },
    volumes: { v: null },
    secrets: { s: { environment: "S" } },
  });
  const service: Service = {
    image: "a:1",
    restart: "always",
    security_opt: ["no-new-privileges:true"],
    ports: ["127.0.0.1:1:1"],
    healthcheck: { test: ["CMD", "a"] },
    deploy: { resources: { limits: { cpus: "1", memory: "1g" } } },
  };
  const nothing = { imageIsHealthy: () => false, exists: () => false };

  it("a sound one has no breach", () => assert.deepEqual(composeBreaches(sound(), nothing), []));

  const planted: [what: string, change: Service, message: RegExp][] = [
    ["an image that moves", { image: "a:latest" }, /not pinned/],
    ["no bounds", { deploy: {} }, /no bound/],
    ["privileges", { security_opt: [] }, /privileges/],
    ["a port on every address", { ports: ["80:80"] }, /publishes 80:80/],
    ["a file that is not there", { volumes: ["./x:/x:ro"] }, /mounts \.\/x, which does not exist/],
    ["a file that may be written", { volumes: ["./x:/x"] }, /may write/],
    ["a volume that is none", { volumes: ["w:/w"] }, /w, which is no volume/],
    ["a secret in a read-only container", { read_only: true, secrets: ["s"] }, /cannot write s/],
    ["a door without a health check", { healthcheck: { disable: true } }, /no health check/],
    ["waiting for nobody", { depends_on: { x: { condition: "service_healthy" } } }, /x, which is no service/],
    ["waiting for a start", { depends_on: { once: { condition: "service_started" } } }, /mere start/],
    ["a command nobody waits for", { depends_on: {} }, /once: ends, and nobody waits/],
  ];
  for (const [what, change, message] of planted) {
    it(`${what} is found`, () => {
      const wrong = sound();
      Object.assign(wrong.services.door!, change);
      assert.match(composeBreaches(wrong, nothing).join("\n"), message);
    });
  }

  it("a variable without a value, and a stray $, stop the reading", () => {
    assert.throws(() => parseCompose("a: ${B:?say it}", { B: "" }), /B is missing a value: say it/);
    assert.throws(() => parseCompose("a: $B", {}), /neither/);
    assert.deepEqual<unknown>(parseCompose("a: $${B:?x} $$c", { B: "b" }), { a: "${B:?x} $c" });
  });
});

describe("docker-compose.yml", () => {
  it("keeps the rules", () => assert.deepEqual(composeBreaches(compose, world), []));

  it("has two nodes, three commands and what they work with", () => {
    assert.deepEqual(nodes.map(([name]) => name), ["waymark-1", "waymark-2"]);
    assert.deepEqual(ours.map(([name]) => name), ["topics", "migrate", "waymark-1", "waymark-2", "traffic"]);
    assert.deepEqual(ours.filter(([, s]) => isOneShot(s)).map(([name]) => name), ["topics", "migrate"]);
  });

  it("asks for every secret of .env.example and for no other; none has a value there", () => {
    assert.deepEqual([...variablesOf(text)].sort(), Object.keys(example).sort());
    assert.deepEqual(Object.values(example).filter((value) => value !== ""), []);
    for (const name of variablesOf(text)) {
      assert.throws(() => parseCompose(text, { ...variables, [name]: "" }), new RegExp(`${name} is missing`));
    }
  });

  it("holds no secret itself", () => {
    const bare = (parse(text, { merge: true }) as Compose).services;
    const literal = Object.entries(bare).flatMap(([name, { environment = {} }]) =>
      Object.entries(environment).filter(([key, value]) =>
        /PASSWORD|_KEYS?$|AUTH$|REDIS_URL|CLICKHOUSE_URL/.test(key) && !/\$\{\w+:\?/.test(value)
      ).map(([key]) => `${name} ${key}`)
    );
    assert.deepEqual(literal, []);
  });

  for (const [name, service] of ours) {
    it(`${name}: settings exist and are taken`, () => {
      const unknown = Object.keys(service.environment ?? {}).filter((key) => !(key in settings));
      assert.deepEqual(unknown, []);
      readConfig(given(service));
    });

    it(`${name}: runs this release, may write to nothing but its volume and /tmp`, () => {
      assert.equal(service.image, `waymark:${manifest.version}`);
      assert.equal(service.read_only, true);
      assert.deepEqual(service.cap_drop, ["ALL"]);
      assert.ok(service.tmpfs?.includes("/tmp"));
    });
  }

  it("nodes are one group over Kafka, Redis and ClickHouse, each with a name of its own", () => {
    const configs = nodes.map(([, service]) => readConfig(given(service)));
    for (const config of configs) {
      assert.deepEqual(config.KAFKA_BROKERS, ["kafka:9092"]);
      assert.equal(new URL(config.REDIS_URL).host, "redis:6379");
      assert.equal(new URL(config.CLICKHOUSE_URL).host, "clickhouse:8123");
      assert.equal(config.WAYMARK_GROUP, configs[0]!.WAYMARK_GROUP);
    }
    assert.deepEqual(
      configs.map((config) => config.WAYMARK_ADVERTISED_URL),
      nodes.map(([name], i) => `http://${name}:${configs[i]!.WAYMARK_PORT}`),
    );
    assert.deepEqual(nodes.map(([, { hostname }]) => hostname), nodes.map(([name]) => name));
    const [volume] = valuesOf(dockerfile.image, "VOLUME");
    assert.deepEqual(nodes.flatMap(([, s]) => s.volumes), nodes.map(([name]) => `${name}:${volume}`));
  });

  it("nodes have time to drain, and publish the port they listen on", () => {
    assert.ok(nodes.every(([, service]) => leavesTimeToDrain(service)));
    assert.equal(leavesTimeToDrain({ stop_grace_period: "25s" }), false);
    const [port] = valuesOf(dockerfile.image, "EXPOSE");
    assert.ok(nodes.every(([, { ports }]) => ports?.every((published) => published.endsWith(`:${port}`))));
  });

  it("published ports differ", () => {
    const published = Object.values(compose.services).flatMap((s) => s.ports ?? []).map((p) =>
      p.split(":")[1]
    );
    assert.deepEqual(published.filter(unique), published);
  });

  it("commands are tasks, with options that they take", () => {
    for (const [name, { command }] of ours) {
      if (command === undefined) continue;
      const line = command[0] === "bash" ? command.at(-1)!.replace(/^exec /, "").split(/\s+/) : command;
      assert.deepEqual(line.slice(0, 2), ["deno", "task"], name);
      assert.ok(tasks[line[2]!] !== undefined, `${name} runs the task ${line[2]}`);
    }
    const [, words] = compose.services.traffic!.command!.at(-1)!.split("deno task traffic ");
    const options = parseArguments(
      trafficCommand,
      words!.replace(/"\$\(date \+%s\)"/, "1800000000").split(" "),
    );
    assert.equal(options.text("to"), "kafka");
    assert.equal(trafficFrom(options).ratePerMinute, 50_000);
  });

  it("the others listen where they are spoken to", () => {
    const { kafka, clickhouse, redis, grafana } = compose.services;
    assert.match(
      kafka!.environment!.KAFKA_ADVERTISED_LISTENERS!,
      /INSIDE:\/\/kafka:9092,OUTSIDE:\/\/127\.0\.0\.1:9094/,
    );
    assert.deepEqual(kafka!.ports, ["127.0.0.1:9094:9094"]);
    const login = new URL(nodes[0]![1].environment!.CLICKHOUSE_URL!);
    assert.equal(login.username, clickhouse!.environment!.CLICKHOUSE_USER);
    assert.equal(login.password, clickhouse!.environment!.CLICKHOUSE_PASSWORD);
    assert.equal(login.pathname, `/${clickhouse!.environment!.CLICKHOUSE_DB}`);
    const snapshots = new URL(nodes[0]![1].environment!.REDIS_URL!);
    assert.equal(snapshots.password, redis!.environment!.REDISCLI_AUTH);
    const reader = readText("deploy/compose/clickhouse_reader.xml");
    assert.match(reader, /from_env="CLICKHOUSE_READER_PASSWORD"/);
    assert.match(reader, new RegExp(`GRANT SELECT ON ${clickhouse!.environment!.CLICKHOUSE_DB}\\.\\*`));
    assert.equal(
      grafana!.environment!.CLICKHOUSE_READER_PASSWORD,
      clickhouse!.environment!.CLICKHOUSE_READER_PASSWORD,
    );
  });

  it("Grafana finds its sources and its dashboards", () => {
    const provisioned = (path: string) => parse(readText(`deploy/grafana/provisioning/${path}/waymark.yml`));
    const { clickhouse, grafana } = compose.services;
    const [source, metrics] = provisioned("datasources").datasources;
    const { host, port, defaultDatabase, username, queryTimeout } = source.jsonData;
    assert.equal(compose.services[host], clickhouse);
    assert.equal(defaultDatabase, clickhouse!.environment!.CLICKHOUSE_DB);
    assert.ok(clickhouse!.ports!.some((published) => published.endsWith(`:${port}`)));
    const reader = readText("deploy/compose/clickhouse_reader.xml");
    assert.match(reader, new RegExp(`<users>\\s*<${username}>`));
    assert.ok(Number(queryTimeout) <= Number(/<max>(\d+)<\/max>/.exec(reader)![1]));
    const [, secret] = /^\$(\w+)$/.exec(source.secureJsonData.password) ?? [];
    assert.equal(grafana!.environment![secret!], clickhouse!.environment!.CLICKHOUSE_READER_PASSWORD);
    assert.ok(compose.services[new URL(metrics.url).hostname] !== undefined, metrics.url);
    const { path } = provisioned("dashboards").providers[0].options;
    assert.ok(grafana!.volumes!.includes(`./deploy/grafana/dashboards:${path}:ro`));
    assert.match(
      grafana!.environment!.GF_INSTALL_PLUGINS!,
      new RegExp(`^${source.type} \\d+\\.\\d+\\.\\d+$`),
    );
  });

  it("Prometheus scrapes every node, with the key that they take", () => {
    const scraping = parse(readText("deploy/compose/prometheus.yml"));
    const [job] = scraping.scrape_configs;
    assert.equal(job.job_name, "waymark");
    assert.deepEqual(job.static_configs[0].targets, nodes.map(([name]) => `${name}:8080`));
    assert.ok(readRoutes().includes(job.metrics_path ?? "/metrics"));
    const { secrets = [], volumes = [] } = compose.services.prometheus!;
    assert.equal(job.authorization.credentials_file, `/run/secrets/${secrets[0]}`);
    assert.equal(
      nodes[0]![1].environment!.WAYMARK_READ_KEYS,
      variables[compose.secrets[secrets[0]!]!.environment!],
    );
    for (const file of scraping.rule_files) {
      assert.ok(volumes.some((mount) => mount.endsWith(`/${file}:/etc/prometheus/${file}:ro`)), file);
    }
  });
});

function unique<T>(item: T, i: number, all: readonly T[]): boolean {
  return all.indexOf(item) === i;
}
