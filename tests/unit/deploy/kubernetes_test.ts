import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readConfig, settings } from "../../../src/config.ts";
import { WaymarkError } from "../../../src/errors.ts";
import { limits } from "../../../src/limits.ts";
import { groupName } from "../../../src/runtime/host.ts";
import { topicDefaults } from "../../../src/topic_defaults.ts";
import { filesMatching, readText } from "../../tidy/tree.ts";
import { environmentOf, isPinned, parseDockerfile, valuesOf } from "./dockerfile.ts";
import {
  base,
  fits,
  folder,
  kustomization,
  type Manifest,
  only,
  optional,
  podEnvironment,
  secretKeysOf,
} from "./kubernetes.ts";
import { openRoutes, readRoutes } from "./open_routes.ts";

const objects = base();
const extras = optional();
const dockerfile = parseDockerfile(readText("Dockerfile"));
const manifest = JSON.parse(readText("package.json"));
const set = only(objects, "StatefulSet");
const pod = set.spec.template;
const [container] = pod.spec.containers;
const labels = pod.metadata.labels;
const door = only(objects, "Service");
const nodes = only(objects, "Service", "waymark-nodes");

/** The comment of kustomization.yaml is what people type. */
const example = Object.fromEntries(
  [...readText(`${folder}/kustomization.yaml`).matchAll(/--from-literal=([a-z-]+)='?([^'\s]+)'?/g)]
    .map(([, key, value]) => [key!, value === "KEY" ? "k".repeat(24) : value!]),
);

const environmentOfPod = (ordinal: number, of: Manifest = pod) => ({
  ...environmentOf(dockerfile),
  ...podEnvironment(of, {
    maps: objects,
    secrets: example,
    fields: { "metadata.name": `${set.metadata.name}-${ordinal}`, "metadata.namespace": "waymark" },
  }),
});

describe("deploy/kubernetes", () => {
  it("brings every file of the folder, and none of optional/", () => {
    const files = filesMatching(/^deploy\/kubernetes\/[^/]+$/).map(({ path }) => path.split("/").at(-1)!);
    assert.deepEqual([...kustomization().resources, "kustomization.yaml"].sort(), files.sort());
  });

  it("runs this release, pinned", () => {
    assert.equal(container.image, `waymark:${manifest.version}`);
    assert.ok(isPinned(container.image));
    assert.deepEqual(kustomization().images.map((image: Manifest) => [image.name, image.newTag]), [
      ["waymark", manifest.version],
    ]);
  });

  for (const ordinal of [0, 1]) {
    it(`waymark-${ordinal}: settings exist, are taken, and name the pod's own address`, () => {
      const environment = environmentOfPod(ordinal);
      const known = ["POD_NAME", "POD_NAMESPACE", ...Object.keys(environmentOf(dockerfile))];
      const unknown = Object.keys(environment).filter((name) => !(name in settings) && !known.includes(name));
      assert.deepEqual(unknown, []);
      const config = readConfig(environment);
      assert.equal(
        config.WAYMARK_ADVERTISED_URL,
        `http://waymark-${ordinal}.${set.spec.serviceName}.waymark.svc:${config.WAYMARK_PORT}`,
      );
      assert.ok(config.KAFKA_BROKERS.length > 0 && config.REDIS_URL !== "" && config.CLICKHOUSE_URL !== "");
    });
  }

  it("a name that is put in comes before the one it is put into", () => {
    const late = { spec: { containers: [{ ...container, env: [...container.env].reverse() }] } };
    assert.match(environmentOfPod(0, late).WAYMARK_ADVERTISED_URL!, /\$\(POD_NAME\)/);
    assert.doesNotMatch(environmentOfPod(0).WAYMARK_ADVERTISED_URL!, /\$\(/);
  });

  it("keeps the variables out that Kubernetes makes of the Service, which would be refused", () => {
    assert.equal(pod.spec.enableServiceLinks, false);
    assert.throws(
      () => readConfig({ ...environmentOfPod(0), WAYMARK_SERVICE_HOST: "10.0.0.1" }),
      (error: unknown) => error instanceof WaymarkError && error.code === "config_invalid",
    );
  });

  it("names every key of the secret that is used, and no other", () => {
    const wanted = new Set([...objects, ...extras].flatMap(secretKeysOf));
    assert.deepEqual([...wanted].sort(), Object.keys(example).sort());
  });

  it("asks open routes for health, at the port that is listened on", () => {
    const { WAYMARK_PORT } = readConfig(environmentOfPod(0));
    assert.deepEqual(container.ports, [{ name: "http", containerPort: WAYMARK_PORT }]);
    const probes = { startupProbe: "/startupz", livenessProbe: "/livez", readinessProbe: "/readyz" };
    for (const [probe, path] of Object.entries(probes)) {
      assert.deepEqual(container[probe].httpGet, { path, port: "http" });
      assert.ok(openRoutes().includes(path), path);
    }
    for (const service of [door, nodes]) {
      assert.deepEqual(service.spec.ports, [{ name: "http", port: WAYMARK_PORT, targetPort: "http" }]);
    }
  });

  it("leaves time to drain after everybody has heard", () => {
    const toldMs = container.lifecycle.preStop.sleep.seconds * 1_000;
    assert.ok(toldMs > container.readinessProbe.periodSeconds * 1_000);
    assert.ok(pod.spec.terminationGracePeriodSeconds * 1_000 > toldMs + limits.drainMs);
  });

  it("runs as the image's user and may write to nothing but its volume and /tmp", () => {
    const [uid, gid] = valuesOf(dockerfile.image, "USER")[0]!.split(":").map(Number);
    const { runAsNonRoot, runAsUser, runAsGroup, fsGroup, seccompProfile } = pod.spec.securityContext;
    assert.deepEqual([runAsNonRoot, runAsUser, runAsGroup, fsGroup], [true, uid, gid, gid]);
    assert.deepEqual(seccompProfile, { type: "RuntimeDefault" });
    assert.deepEqual(container.securityContext, {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    });
    assert.deepEqual(
      container.volumeMounts.map((mount: Manifest) => mount.mountPath),
      [...valuesOf(dockerfile.image, "VOLUME"), "/tmp"],
    );
    assert.equal(pod.spec.automountServiceAccountToken, false);
    assert.equal(pod.spec.serviceAccountName, only(objects, "ServiceAccount").metadata.name);
    assert.ok(container.resources.requests.memory && container.resources.limits.memory);
  });

  it("selects its own pods everywhere", () => {
    const budget = only(objects, "PodDisruptionBudget").spec;
    const policy = only(objects, "NetworkPolicy").spec;
    const selectors = [
      set.spec.selector.matchLabels,
      door.spec.selector,
      nodes.spec.selector,
      budget.selector.matchLabels,
      policy.podSelector.matchLabels,
      ...pod.spec.topologySpreadConstraints.map((spread: Manifest) => spread.labelSelector.matchLabels),
    ];
    for (const selector of selectors) assert.ok(fits(labels, selector), JSON.stringify(selector));
    assert.equal(fits(labels, { "app.kubernetes.io/name": "other" }), false);
    assert.ok(budget.maxUnavailable < set.spec.replicas);
  });

  it("gives each process a name, also before it is ready", () => {
    assert.equal(nodes.metadata.name, set.spec.serviceName);
    assert.equal(nodes.spec.clusterIP, "None");
    assert.equal(nodes.spec.publishNotReadyAddresses, true);
  });

  it("lets the network through to what the settings name, and in at the door", () => {
    const { ingress, egress, policyTypes } = only(objects, "NetworkPolicy").spec;
    const { KAFKA_BROKERS, REDIS_URL, CLICKHOUSE_URL, WAYMARK_PORT } = readConfig(environmentOfPod(0));
    const out = new Set(egress.flatMap(({ ports }: Manifest) => ports.map((p: Manifest) => p.port)));
    const wanted = [KAFKA_BROKERS[0]!.split(":")[1], new URL(REDIS_URL).port, new URL(CLICKHOUSE_URL).port];
    assert.deepEqual([...wanted.map(Number), WAYMARK_PORT, 53].filter((port) => !out.has(port)), []);
    assert.deepEqual(ingress.flatMap(({ ports }: Manifest) => ports), [{
      protocol: "TCP",
      port: WAYMARK_PORT,
    }]);
    assert.deepEqual(policyTypes, ["Ingress", "Egress"]);
  });
});

describe("deploy/kubernetes/optional", () => {
  it("the ServiceMonitor scrapes every process once, as the job that the rules ask for", () => {
    const { spec } = only(extras, "ServiceMonitor");
    const selected = [door, nodes].filter(({ metadata }) => fits(metadata.labels, spec.selector.matchLabels));
    assert.deepEqual(selected, [nodes]);
    assert.equal(nodes.metadata.labels[spec.jobLabel], "waymark");
    assert.ok(readRoutes().includes(spec.endpoints[0].path));
    assert.equal(spec.endpoints[0].port, nodes.spec.ports[0].name);
  });

  it("the ScaledObject watches groups and topics that exist, within their partitions", () => {
    const { spec } = only(extras, "ScaledObject");
    const { WAYMARK_GROUP, WAYMARK_GENERATION, KAFKA_BROKERS } = readConfig(environmentOfPod(0));
    const stages = { "ride-events": "rides", "driver-locations": "locations" } as const;
    for (const { metadata, authenticationRef } of spec.triggers) {
      const topic = metadata.topic as keyof typeof stages;
      assert.equal(metadata.consumerGroup, groupName(WAYMARK_GROUP, stages[topic], WAYMARK_GENERATION));
      assert.equal(metadata.bootstrapServers, KAFKA_BROKERS.join(","));
      assert.ok(spec.maxReplicaCount <= topicDefaults[topic].partitions, topic);
      only(extras, "TriggerAuthentication", authenticationRef.name);
    }
    assert.deepEqual(spec.scaleTargetRef, { apiVersion: "apps/v1", kind: "StatefulSet", name: "waymark" });
    assert.ok(spec.minReplicaCount >= 2);
  });
});
