/** Whether a folder is one that a trigger waits for: fnmatch(3) with FNM_PATHNAME, where `*` and `?` stop at a slash. */
export function matchesTrigger(pattern: string, folder: string): boolean {
  if (!pattern.startsWith("/")) return false;
  const [patterns, names] = [pattern.split("/"), folder.split("/")];
  return patterns.length === names.length && patterns.every((each, at) => matchesName(each, names[at] as string));
}

/** Goes back to the last star alone, so that no pattern takes longer than its length times that of the name. */
function matchesName(pattern: string, name: string): boolean {
  let at = 0;
  let star = -1;
  let taken = 0;
  for (let next = 0; next < name.length; ) {
    if (pattern[at] === "*") {
      star = at++;
      taken = next;
    } else if (pattern[at] === "?" || pattern[at] === name[next]) {
      at++;
      next++;
    } else if (star >= 0) {
      at = star + 1;
      next = ++taken;
    } else return false;
  }
  return /^\**$/.test(pattern.slice(at));
}
