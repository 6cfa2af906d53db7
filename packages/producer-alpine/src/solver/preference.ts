import { compareVersions } from "../apk/version.ts";
import type { Candidate, Provider } from "./universe.ts";

/** Best first; of equal ones the first of the index. A version counts only beside another, so that this is no order to sort by. */
export function inPreference(
  providers: readonly Provider[],
  asked: ReadonlySet<string | undefined>,
): readonly Candidate[] {
  const left = [...providers];
  const result: Candidate[] = [];
  while (left.length > 0) {
    const best = left.reduce((best, each) => (compare(each, best, asked) < 0 ? each : best));
    left.splice(left.indexOf(best), 1);
    result.push(best.candidate);
  }
  return result;
}

/** apk-tools 2.14 `compare_providers`: the preferences that do not depend on how its search goes. */
function compare(a: Provider, b: Provider, askedTags: ReadonlySet<string | undefined>): number {
  const [left, right] = [a.candidate, b.candidate];
  // What a tag was asked for, then what has none.
  const rank = ({ tag }: Candidate) => (tag === undefined ? 1 : askedTags.has(tag) ? 0 : 2);
  return (
    rank(left) - rank(right) ||
    Number(right.installed) - Number(left.installed) ||
    (a.version !== undefined && b.version !== undefined ? compareVersions(b.version, a.version) : 0) ||
    (left.info.name === right.info.name ? compareVersions(right.info.version, left.info.version) : 0) ||
    right.info.providerPriority - left.info.providerPriority ||
    // What is still equal stays in the order of the index.
    left.repository - right.repository
  );
}
