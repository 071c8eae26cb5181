/**
 * `GET /v1/rides/{id}`, `/v1/drivers/{id}` and the explanation of a window: any node answers for what any node holds.
 *
 *   found here on its home partition ─► answered
 *   else ─► the node that holds the home partition ─► found there ─► passed on
 *             └─ not found, not its, or no answer ─► all other nodes at once ─► found ─► passed on
 *                  └─ every partition of the topic was searched by somebody ─► 404 of the home partition's owner
 *                       └─ else ─► 503 naming a partition that nobody searched
 *
 * The invariant: "not found" is said only when every partition was searched by a node that runs it, because a
 * misplaced record may have put the actor on any of them. Where the groups say partitions are only chooses who is
 * asked first; while one is on its way from node to node nobody has searched it, and the answer is 503.
 */
import { ownedAnswer, type Provenance } from "../../schemas/http.ts";
import { fromUtf8 } from "../ids.ts";
import { refusalResponse, refuse } from "./errors.ts";
import type { Asking, Fleet, NodeAnswer } from "./fleet_handle.ts";
import { isForwarded, searchedHeader, searchedText } from "./forwarded.ts";
import type { Looked } from "./handles.ts";

export type ActorKind = "ride" | "driver" | "window";

/** `path`: where another node is asked the same. */
export type ActorQuestion = { request: Request; requestId: string; kind: ActorKind; path: string };

export async function actorAnswer<T extends { owner: Provenance }>(
  { request, requestId, kind, path }: ActorQuestion,
  local: Looked<T>,
  fleet: Fleet | null,
): Promise<Response> {
  if (isForwarded(request)) {
    // Its word on what it searched; whether that is enough for a 404, who asked decides.
    const response = local.view === null && local.owner !== null
      ? missing(kind, local.owner)
      : localAnswer(kind, local);
    response.headers.set(searchedHeader, searchedText(local.searched));
    return response;
  }
  if (fleet === null || local.view?.owner.partition === local.home) return localAnswer(kind, local);
  const asking: Asking = {
    path,
    authorization: request.headers.get("authorization"),
    requestId,
  };
  return await search(kind, local, fleet, asking);
}

/** What one node says of the actor, if it does. */
type Said = {
  found: boolean;
  owner: Provenance;
  answer(): Response;
};

async function search<T extends { owner: Provenance }>(
  kind: ActorKind,
  local: Looked<T>,
  fleet: Fleet,
  asking: Asking,
): Promise<Response> {
  const home = `${local.topic}/${local.home}`;
  const said: Said[] = [];
  const searched = new Set<number>();
  const take = (answer: NodeAnswer | null): Said | null => {
    for (const partition of answer?.searched ?? []) searched.add(partition);
    const one = answer === null ? null : saidBy(answer);
    if (one !== null) said.push(one);
    return one;
  };
  if (local.view !== null) {
    said.push({ found: true, owner: local.view.owner, answer: () => localAnswer(kind, local) });
  }

  let others = await fleet.others(local.stage);
  const first = others.nodes.find((node) => node.holds.has(home));
  if (first !== undefined) {
    const one = take(await fleet.ask(first, asking));
    if (one?.found && one.owner.partition === local.home) return one.answer();
    if (!searched.has(local.home)) others = await fleet.others(local.stage, true);
  }
  const rest = others.nodes.filter((node) => first === undefined || node.address !== first.address);
  for (const answer of await Promise.all(rest.map((node) => fleet.ask(node, asking)))) take(answer);

  if (others.listed) {
    for (const partition of local.searched) searched.add(partition);
    if (local.owner !== null && local.view === null) {
      said.push({ found: false, owner: local.owner, answer: () => missing(kind, local.owner!) });
    }
  }
  const best = bestOf(said.filter((one) => one.found), local.home);
  if (best !== undefined) return best.answer();
  const unsearched = firstUnsearched(local, searched);
  const owner = bestOf(said, local.home);
  return unsearched === null && owner?.owner.partition === local.home
    ? owner.answer()
    : notReady(local.topic, unsearched ?? local.home);
}

/** The home partition's word first, of two the one that has read further: the other one's owner was asleep. */
function bestOf(said: readonly Said[], home: number): Said | undefined {
  const away = ({ owner }: Said) => owner.partition === home ? 0 : 1;
  return [...said].sort((a, b) =>
    away(a) - away(b) || a.owner.partition - b.owner.partition || b.owner.offset - a.owner.offset
  )[0];
}

/** Null for what neither knows the actor nor says that it does not. */
function saidBy({ status, contentType, body, searched }: NodeAnswer): Said | null {
  if (searched === null || (status !== 200 && status !== 404)) return null;
  let content: unknown;
  try {
    content = JSON.parse(fromUtf8(body));
  } catch {
    return null;
  }
  const parsed = ownedAnswer.safeParse(content);
  if (!parsed.success) return null;
  return {
    found: status === 200,
    owner: parsed.data.owner,
    answer: () => new Response(body, { status, headers: { "content-type": contentType } }),
  };
}

function localAnswer<T>(kind: ActorKind, local: Looked<T>): Response {
  if (local.view !== null) return Response.json(local.view);
  const unsearched = firstUnsearched(local, new Set(local.searched));
  return unsearched === null && local.owner !== null
    ? missing(kind, local.owner)
    : notReady(local.topic, unsearched ?? local.home);
}

/** The home partition if it is one; null when all were searched. */
function firstUnsearched(
  { home, partitions }: Pick<Looked<unknown>, "home" | "partitions">,
  searched: ReadonlySet<number>,
): number | null {
  if (!searched.has(home)) return home;
  for (let partition = 0; partition < partitions; partition++) {
    if (!searched.has(partition)) return partition;
  }
  return null;
}

function missing(kind: ActorKind, owner: Provenance): Response {
  const { topic, partition, offset } = owner;
  const message = `${topic}/${partition}, folded up to offset ${offset}, does not know this ${kind}; ${
    whyMissing[kind]
  }`;
  return refusalResponse(refuse(`${kind}_not_found`, message, { beside: { owner } }));
}

const whyMissing: Record<ActorKind, string> = {
  ride: "it may have ended long ago or not have begun",
  driver: "it may have ended long ago or not have begun",
  window: "nothing happened in it, or it has left memory",
};

function notReady(topic: string, partition: number): Response {
  const message = `${topic}/${partition} cannot answer now: it is being restored, has stopped, or is on a ` +
    `node that does not answer; try again`;
  return refusalResponse(
    refuse("partition_not_ready", message, { beside: { owner: { topic, partition } } }),
  );
}
