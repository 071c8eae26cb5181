/** `GET /find?q=`: where the page of a ride, a driver or a city is. People paste an id without saying what it is of. */
import { refusalResponse } from "./errors.ts";
import type { Handles } from "./handles.ts";
import { pathText } from "./query.ts";
import * as state from "./state_doors.ts";

export async function findAnswer(handles: Handles, url: URL, asked: state.Asked): Promise<Response> {
  const given = pathText((url.searchParams.get("q") ?? "").trim(), "id");
  if (!given.ok) return refusalResponse(given);
  const id = given.value;
  if (handles.board.cities().includes(id)) return seeOther(`/cities/${encodeURIComponent(id)}`);
  const driver = await state.driver(handles, id, asked);
  await driver.body?.cancel();
  return seeOther(`/${driver.ok ? "drivers" : "rides"}/${encodeURIComponent(id)}`);
}

const seeOther = (location: string): Response => new Response(null, { status: 303, headers: { location } });
