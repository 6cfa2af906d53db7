import { BaseKitError, type Context, parsePinnedReference, printable } from "@base-kit/core";
import { listTags } from "@base-kit/registry";

export interface TagsResult {
  readonly repository: string;
  readonly tags: readonly string[];
}

/** `base-kit tags <repository>`: what a registry has under a name. */
export async function tags(name: string, context: Context): Promise<TagsResult> {
  const reference = parsePinnedReference(name.replace(/^docker:\/\//, ""));
  const found = await listTags(reference, context);
  if (found.length === 0) {
    throw new BaseKitError("REGISTRY_NOT_FOUND", `${printable(name)} has no tags`, { kind: "network" });
  }
  return { repository: `${reference.registry}/${reference.repository}`, tags: found };
}

/** For people, one a line. */
export function renderTags({ tags: found }: TagsResult): string {
  return found.map((tag) => `${printable(tag)}\n`).join("");
}
