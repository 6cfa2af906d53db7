import {
  asTexts,
  BaseKitError,
  type Context,
  type FetchResponse,
  type ImageReference,
  JSON_AT_MOST,
  member,
  parseJson,
  printable,
} from "@base-kit/core";
import { readAtMost } from "./answer.ts";
import { inRepository, type Repository, repositoryOf } from "./repository.ts";
import { openSession, type RegistryOptions } from "./session.ts";

const PAGE = 1000;
const PAGES_AT_MOST = 1000;

/**
 * All tags of a repository, sorted: registries give them in any order.
 *
 * @throws BaseKitError `REGISTRY_NOT_FOUND`, `REGISTRY_…` (network), `DOCUMENT_INVALID` (unsupported)
 */
export async function listTags(
  reference: ImageReference,
  context: Context,
  options: RegistryOptions = {},
): Promise<readonly string[]> {
  const repository = repositoryOf(await openSession(reference.registry, context, options), reference);
  const tags: string[] = [];
  let next: string | undefined = `/v2/${repository.path}/tags/list?n=${PAGE}`;
  for (let page = 0; next !== undefined; page++) {
    if (page >= PAGES_AT_MOST) throw endless(repository);
    const answer = await readPage(repository, next);
    tags.push(...answer.tags);
    next = answer.next;
  }
  return [...new Set(tags)].sort();
}

async function readPage(repository: Repository, url: string) {
  const { session, name } = repository;
  const { context } = session;
  const request = {
    ...inRepository(repository, "", { actions: "pull", verb: "listing the tags of", expect: [200] }),
    url,
  };
  return session.retried(async () => {
    const response = await session.send(request);
    const bytes = await readAtMost(response, JSON_AT_MOST, { doing: request.doing, context });
    const tags = member(parseJson(bytes, `the tags of ${printable(name)}`), "tags");
    const next = nextOf(response);
    if (next !== undefined && new URL(next).origin !== session.host.origin) throw endless(repository);
    return { tags: tags === undefined ? [] : asTexts(tags, 1_000_000), next };
  });
}

/** RFC 8288, as far as registries use it. */
function nextOf({ headers, url }: FetchResponse): string | undefined {
  const [, target] = /<([^<>]{1,4096})>\s*;[^,]*\brel="?next"?/.exec(headers["link"] ?? "") ?? [];
  return target !== undefined && URL.canParse(target, url) ? new URL(target, url).href : undefined;
}

function endless({ name }: Repository): BaseKitError {
  return new BaseKitError(
    "REGISTRY_ANSWER_INVALID",
    `listing the tags of ${printable(name)} failed: the list leads elsewhere, or never ends`,
    {
      kind: "network",
    },
  );
}
