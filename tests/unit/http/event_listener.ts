/** Reads server-sent events as a browser would. */

export type Heard = { id: string | null; event: string; data: Record<string, unknown> };

export function listen(response: Response) {
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  const heard: Heard[] = [];
  const comments: string[] = [];
  let buffered = "";
  let ended = false;
  const reading = (async () => {
    for (;;) {
      const next = await reader.read().catch(() => ({ done: true, value: undefined }));
      if (next.done) break;
      buffered += next.value;
      const blocks = buffered.split("\n\n");
      buffered = blocks.pop()!;
      for (const block of blocks) {
        const field = (name: string) =>
          block.split("\n").find((l) => l.startsWith(`${name}: `))?.slice(name.length + 2) ?? null;
        if (block.startsWith(":")) comments.push(block);
        else if (field("event") !== null) {
          heard.push({ id: field("id"), event: field("event")!, data: JSON.parse(field("data")!) });
        }
      }
    }
    ended = true;
  })();
  return {
    heard,
    comments,
    ended: () => ended,
    of: (event: string) => heard.filter((h) => h.event === event).map((h) => h.data),
    lastId: () => heard.findLast((h) => h.id !== null)?.id ?? "",
    leave: async () => {
      await reader.cancel();
      await reading;
    },
  };
}
