/**
 * A disk of one's own for a server, which can be made full: a tmpfs that is shrunk to what it holds, so that every
 * further byte is refused with ENOSPC by the kernel itself, and made wide again.
 */
import { mkdir } from "node:fs/promises";
import { statfs } from "node:fs/promises";
import { messageOf } from "../../src/errors.ts";

export type Disk = {
  fill(): Promise<void>;
  free(): Promise<void>;
  unmount(): Promise<void>;
};

/** What it may hold when it is not full: not what it takes, which is what is on it. */
const wide = "16g";

/** The disk, or why there is none here: mounting takes rights that not every machine gives. */
export async function mountDisk(folder: string): Promise<Disk | string> {
  await mkdir(folder, { recursive: true });
  try {
    await run("mount", "-t", "tmpfs", "-o", `size=${wide}`, "waymark-chaos", folder);
  } catch (error) {
    return `no small disk can be mounted here (${messageOf(error)})`;
  }
  const resize = (size: string) => run("mount", "-o", `remount,size=${size}`, folder);
  return {
    async fill() {
      // Never less than it holds: what was written in between makes the kernel refuse, and is asked for anew.
      for (let tries = 0;; tries++) {
        const { blocks, bfree, bsize } = await statfs(folder);
        try {
          return await resize(String((blocks - bfree) * bsize));
        } catch (error) {
          if (tries === 20) throw error;
        }
      }
    },
    free: () => resize(wide),
    // Lazily: somebody may still have a file open.
    unmount: () => run("umount", "-l", folder),
  };
}

async function run(name: string, ...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(name, { args, stdout: "null", stderr: "piped" })
    .output();
  if (!success) throw new Error(new TextDecoder().decode(stderr).trim());
}
