import assert from "node:assert/strict";
import { describe, it } from "node:test";
import deno from "../../../deno.json" with { type: "json" };
import { keyRing } from "../../../src/keys.ts";

const [, ...task] = deno.tasks.keys.split(" ");
const [flags, command] = [task.slice(0, -2), task.slice(-2)];

/** The command as a process, as it stands in the tasks. */
async function run(args: string[], stdin = ""): Promise<{ code: number; out: string; error: string }> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [...flags, "--no-check", ...command, ...args],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(stdin));
  await writer.close();
  const { code, stdout, stderr } = await child.output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), error: text(stderr) };
}

const keyIn = (out: string) => /^key \(shown this once\) +(\S+)$/m.exec(out)?.[1] ?? null;
const entryIn = (out: string) => /^entry for the setting +(\S+)$/m.exec(out)?.[1] ?? "";

describe("waymark keys", () => {
  it("makes another key each time, and the entry that it is known by", async () => {
    const [one, two] = await Promise.all([run([]), run(["--name", "app", "--ends", "2027-01-31"])]);
    assert.deepEqual([one.code, two.code], [0, 0]);
    const [first, second] = [keyIn(one.out)!, keyIn(two.out)!];
    assert.equal(first.length, 43);
    assert.notEqual(first, second);
    assert.ok(!entryIn(one.out).includes(first));
    const ring = keyRing({ read: [entryIn(one.out), entryIn(two.out)] });
    assert.equal(ring.find(first, 0)?.name, "read-1");
    assert.equal(ring.find(second, 0)?.name, "app");
    assert.equal(ring.find(second, Date.UTC(2027, 0, 31))?.lists.size, 0);
  });

  it("turns a key that is in use into its entry, without showing it", async () => {
    const { code, out } = await run(["--stdin"], "abcdefghijklmnop\n");
    assert.equal(code, 0);
    assert.equal(keyIn(out), null);
    assert.equal(
      entryIn(out),
      "sha256:f39dac6cbaba535e2c207cd0cd8f154974223c848f727f98b3564cea569b41cf",
    );
  });

  it("refuses what is no key, name or end, and shows no key", async () => {
    const wrong = await Promise.all([
      run(["--stdin"], "hunter2"),
      run(["--name", "A b"]),
      run(["--ends", "tomorrow"]),
    ]);
    assert.deepEqual(wrong.map(({ code }) => code), [2, 2, 2]);
    assert.ok(!wrong[0]!.error.includes("hunter2"));
    assert.match(wrong[1]!.error, /--name is "A b"; allowed/);
    assert.match(wrong[2]!.error, /--ends is "tomorrow"; allowed/);
  });
});
