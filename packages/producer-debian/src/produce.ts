import type { Context, Lock, Rootfs } from "@base-kit/core";
import { readLock } from "./lock.ts";

/** Makes the root filesystem of the locked packages. */
export async function produce(lock: Lock, _context: Context): Promise<Rootfs> {
  const { packages } = await readLock(lock);
  throw new Error(`${packages.length} packages wait for being unpacked`);
}
