/**
 * `/v1/erasures`: a rider's data is erased. The answer comes when the log has the request; what is still to be done is
 * in `pending`, and asking again with the rider or the erasure's id tells how far it is. The rider's id is not kept, not
 * answered and not written down.
 */
import { erasureRequest, type ErasureView } from "../../schemas/erasure.ts";
import { fromUtf8 } from "../ids.ts";
import type { BodyReader } from "./body.ts";
import { refusalResponse, refuse } from "./errors.ts";
import { bodyTypeOf } from "./items.ts";
import { pathText } from "./query.ts";

export type Erasing = {
  erase(userId: string, by: string): Promise<ErasureView>;
  erasures(most: number): { erasures: ErasureView[]; total: number };
  erasure(id: string): ErasureView | null;
};

/** Erasures in one list. */
const listedMax = 100;

export async function erase(
  request: Request,
  { erasing, readBody, by }: { erasing: Erasing; readBody: BodyReader; by: string | null },
): Promise<Response> {
  const type = bodyTypeOf(request.headers.get("content-type"));
  if (type !== "json") {
    const message = "content-type is another one; allowed: application/json";
    return refusalResponse(refuse("content_type_unsupported", message, { field: "content-type" }));
  }
  const body = await readBody(request);
  if (!body.ok) return refusalResponse(body);
  const { data } = erasureRequest.safeParse(parsed(fromUtf8(body.bytes)));
  body.release();
  if (data === undefined) {
    const message = 'the body is something else; allowed: {"user_id": …} with an id of 1 to 128 characters';
    return refusalResponse(refuse("erasure_invalid", message, { field: "user_id" }));
  }
  return Response.json(await erasing.erase(data.user_id, by ?? ""), { status: 202 });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

export const erasures = (erasing: Erasing): Response => Response.json(erasing.erasures(listedMax));

export function erasure(erasing: Erasing, given: string): Response {
  const id = pathText(given, "id");
  if (!id.ok) return refusalResponse(id);
  const view = erasing.erasure(id.value);
  return view === null
    ? refusalResponse(refuse("erasure_not_found", "there is no such erasure, or it was long ago"))
    : Response.json(view);
}
