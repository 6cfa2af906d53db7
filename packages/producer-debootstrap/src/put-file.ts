import { chmod, mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

/** Puts a file into the new system before debootstrap fills it; the umask of whoever runs base-kit does not get in. */
export async function putFile(target: string, path: string, content: string | Uint8Array): Promise<void> {
  await makeFolder(target, dirname(path));
  await writeFile(join(target, path), content);
  await chmod(join(target, path), 0o644);
}

async function makeFolder(target: string, path: string): Promise<void> {
  if (path === ".") return;
  await makeFolder(target, dirname(path));
  const made = await mkdir(join(target, path), { recursive: true });
  if (made !== undefined) await chmod(made, 0o755);
}
