/**
 * A real Kafka on loopback: one process per broker, each also a voter of the KRaft quorum, jars by Maven.
 *
 * Settings are those of a test bed: no replication beyond the brokers there are, no waiting for further members when
 * a group is made, short sessions allowed, and no retention check (records with stated old times would vanish).
 */
import { existsSync } from "node:fs";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Certificates, keyStorePassword, makeCertificates } from "./kafka_certificates.ts";
import { freePorts, launch, type Launched, runToEnd } from "./launched.ts";

export const kafkaVersion = "4.1.0";

/** Sixteen bytes of base64url, as KRaft wants a cluster's id. */
const clusterId = "d2F5bWFyay1zZXJ2aWNlcw";

/** The user of the SASL listener: a test bed's, known to everybody. */
export const saslUser = { username: "waymark", password: "waymark-services" };

export type KafkaBrokers = {
  processes: Launched[];
  /** `host:port` of every broker, separated by commas. */
  brokers: string;
  /** The same brokers with SASL (PLAIN, SCRAM-SHA-256, SCRAM-SHA-512). */
  saslBrokers: string;
  /** The same brokers over TLS. */
  tlsBrokers: string;
  /** The same brokers with SASL over TLS. */
  tlsSaslBrokers: string;
  /** Path of the PEM of the authority that signed the brokers' certificate. */
  tlsAuthority: string;
  proxied: ProxiedBroker[];
};

/** A listener for tests that put a proxy in between: nothing is there before they do. */
export type ProxiedBroker = {
  /** Where the broker listens. */
  port: number;
  /** Where it tells its clients to find it. */
  advertisedPort: number;
};

const javaAdvice =
  "Install a Java runtime of version 17 or later (Debian: apt-get install default-jre-headless)";
const mavenAdvice =
  "Maven fetches the jars of Kafka; install it (Debian: apt-get install maven) and let it reach a repository";

/** Fetches the jars once. They are there wholly or not at all: the folder gets its name when it is complete. */
export async function fetchJars(folder: string): Promise<void> {
  if (existsSync(folder)) return;
  const making = `${folder}.part`;
  await rm(making, { recursive: true, force: true });
  await mkdir(making, { recursive: true });
  const pom = join(making, "pom.xml");
  await writeFile(pom, projectOf([["org.apache.kafka", "kafka_2.13", kafkaVersion], slf4j]));
  const copy = ["-q", "-B", "-f", pom, "dependency:copy-dependencies", `-DoutputDirectory=${making}`];
  await runToEnd("mvn", copy, mavenAdvice);
  await rm(pom);
  await rename(making, folder);
}

const slf4j = ["org.slf4j", "slf4j-nop", "1.7.36"] as const;

function projectOf(dependencies: (readonly [string, string, string])[]): string {
  const coordinates = ([group, artifact, version]: readonly [string, string, string]) =>
    `<groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version>`;
  return `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
${coordinates(["waymark", "services", "1"])}
<dependencies>
${dependencies.map((d) => `<dependency>${coordinates(d)}</dependency>`).join("\n")}
</dependencies></project>
`;
}

export async function startKafka(
  { folder, jars, brokers: count }: { folder: string; jars: string; brokers: number },
): Promise<KafkaBrokers> {
  await runToEnd("java", ["-version"], javaAdvice);
  await fetchJars(jars);
  const certificates = await makeCertificates(folder);
  const ports = await freePorts(portsPerNode * count);
  const nodes = Array.from({ length: count }, (_, i): Node => {
    const [plain, sasl, tls, tlsSasl, port, advertisedPort, controller] = ports.slice(
      portsPerNode * i,
    ) as PortsOfNode;
    return { id: i + 1, plain, sasl, tls, tlsSasl, proxied: { port, advertisedPort }, controller };
  });
  const processes = await Promise.all(nodes.map(async (node) => {
    const home = join(folder, `kafka-${node.id}`);
    await mkdir(home, { recursive: true });
    const settings = join(home, "server.properties");
    await writeFile(settings, settingsOf(node, { nodes, home, certificates }));
    // Libraries that it unpacks stay behind where it is killed: they go with the folder.
    const classes = [`-Djava.io.tmpdir=${home}`, "-cp", join(jars, "*")];
    const scram = ["256", "512"].flatMap((bits) => [
      "--add-scram",
      `SCRAM-SHA-${bits}=[name=${saslUser.username},password=${saslUser.password}]`,
    ]);
    const format = ["kafka.tools.StorageTool", "format", "-t", clusterId, "-c", settings, ...scram];
    await runToEnd("java", ["-Xmx256m", ...classes, ...format], javaAdvice);
    const command = ["java", "-Xmx512m", "-Xms128m", "-XX:+UseSerialGC", ...classes, "kafka.Kafka", settings];
    return await launch(`kafka ${node.id}`, command, { log: join(home, "kafka.log"), mark: settings });
  }));
  const addresses = (port: "plain" | "sasl" | "tls" | "tlsSasl") =>
    nodes.map((node) => `127.0.0.1:${node[port]}`).join(",");
  return {
    processes,
    brokers: addresses("plain"),
    saslBrokers: addresses("sasl"),
    tlsBrokers: addresses("tls"),
    tlsSaslBrokers: addresses("tlsSasl"),
    tlsAuthority: certificates.authority,
    proxied: nodes.map((node) => node.proxied),
  };
}

/** Ports by listener. */
type Node = {
  id: number;
  plain: number;
  sasl: number;
  tls: number;
  tlsSasl: number;
  proxied: ProxiedBroker;
  controller: number;
};
type PortsOfNode = [number, number, number, number, number, number, number];
const portsPerNode = 7;

function settingsOf(
  { id, ...ports }: Node,
  { nodes, home, certificates }: { nodes: Node[]; home: string; certificates: Certificates },
): string {
  const { plain, sasl, tls, tlsSasl } = ports;
  const listening = { PLAINTEXT: plain, SASL_PLAINTEXT: sasl, SSL: tls, SASL_SSL: tlsSasl };
  const replicas = Math.min(3, nodes.length);
  const inSync = Math.min(2, nodes.length);
  const settings: Record<string, string | number | boolean> = {
    "process.roles": "broker,controller",
    "node.id": id,
    "controller.quorum.voters": nodes.map((n) => `${n.id}@127.0.0.1:${n.controller}`).join(","),
    "listeners": addressList({ ...listening, PROXIED: ports.proxied.port, CONTROLLER: ports.controller }),
    "advertised.listeners": addressList({ ...listening, PROXIED: ports.proxied.advertisedPort }),
    "inter.broker.listener.name": "PLAINTEXT",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": [
      "CONTROLLER:PLAINTEXT",
      "PROXIED:PLAINTEXT",
      ...Object.keys(listening).map((name) => `${name}:${name}`),
    ].join(","),
    "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
    ...loginsOf("sasl_plaintext"),
    ...loginsOf("sasl_ssl"),
    "ssl.keystore.type": "PKCS12",
    "ssl.keystore.location": certificates.keyStore,
    "ssl.keystore.password": keyStorePassword,
    "log.dirs": join(home, "data"),
    "log.retention.check.interval.ms": 24 * 3_600_000,
    "auto.create.topics.enable": false,
    "default.replication.factor": replicas,
    "min.insync.replicas": inSync,
    "offsets.topic.replication.factor": replicas,
    "offsets.topic.num.partitions": 8,
    "transaction.state.log.replication.factor": replicas,
    "transaction.state.log.min.isr": inSync,
    "transaction.state.log.num.partitions": 4,
    "share.coordinator.state.topic.replication.factor": replicas,
    "share.coordinator.state.topic.min.isr": inSync,
    "group.initial.rebalance.delay.ms": 0,
    "group.min.session.timeout.ms": 500,
  };
  return Object.entries(settings).map(([name, value]) => `${name}=${value}\n`).join("");
}

const addressList = (ports: Record<string, number>) =>
  Object.entries(ports).map(([listener, port]) => `${listener}://127.0.0.1:${port}`).join(",");

function loginsOf(listener: string): Record<string, string> {
  const { username, password } = saslUser;
  const security = "org.apache.kafka.common.security";
  const modules = {
    "plain": `plain.PlainLoginModule required user_${username}="${password}"`,
    "scram-sha-256": "scram.ScramLoginModule required",
    "scram-sha-512": "scram.ScramLoginModule required",
  };
  return Object.fromEntries(
    Object.entries(modules).map(([mechanism, module]) => [
      `listener.name.${listener}.${mechanism}.sasl.jaas.config`,
      `${security}.${module};`,
    ]),
  );
}
