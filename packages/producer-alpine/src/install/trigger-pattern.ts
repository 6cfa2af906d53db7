/** Whether a folder is one that a trigger waits for: fnmatch(3) with FNM_PATHNAME, where `*` and `?` stop at a slash. */
export function matchesTrigger(pattern: string, folder: string): boolean {
  if (!pattern.startsWith("/")) return false;
  const source = [...pattern].map((character) => {
    if (character === "*") return "[^/]*";
    if (character === "?") return "[^/]";
    return character.replace(/[\\^$.+()[\]{}|]/, "\\$&");
  });
  return new RegExp(`^${source.join("")}$`, "s").test(folder);
}
