import { statSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { BaseKitError, printable, redactUrl } from "@base-kit/core";

const HINT = "A mirror is an http or https URL, a file: URL or the path of a folder.";

/**
 * A mirror as people name it (an http, https or file URL, or a folder) as a URL that ends with `/`, to which the paths of
 * its files can be added.
 *
 * @throws BaseKitError `MIRROR_INVALID` (usage), `MIRROR_NOT_FOUND` (environment) for a folder that is not there
 */
export function resolveMirror(mirror: string): URL {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
  if (mirror.trim() === "" || /[\x00-\x1f\x7f]/.test(mirror))
    throw invalid(printable(mirror), "empty, or has control characters");
  const url = /^[a-z][a-z0-9+.-]*:/i.test(mirror) ? parsed(mirror) : pathToFileURL(resolve(mirror));
  if (url.search !== "" || url.hash !== "") throw invalid(redactUrl(url), "a mirror has no ? and no #");
  if (!url.pathname.endsWith("/")) url.pathname += "/";
  if (url.protocol === "file:") assertFolder(url);
  return url;
}

function parsed(mirror: string): URL {
  const url = URL.canParse(mirror) ? new URL(mirror) : undefined;
  if (url === undefined) throw invalid(redactUrl(mirror), "not a URL");
  if (!["http:", "https:", "file:"].includes(url.protocol)) {
    throw invalid(redactUrl(url), `${url.protocol} is not http:, https: or file:`);
  }
  return url;
}

function assertFolder(url: URL): void {
  let path: string;
  try {
    path = fileURLToPath(url);
  } catch (error) {
    throw invalid(url.href, (error as Error).message);
  }
  if (isFolder(path)) return;
  throw new BaseKitError("MIRROR_NOT_FOUND", `the mirror ${printable(path)} is not a folder`, {
    kind: "environment",
    hint: HINT,
  });
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

function invalid(shown: string, why: string): BaseKitError {
  return new BaseKitError("MIRROR_INVALID", `the mirror ${shown} is refused: ${why}`, {
    kind: "usage",
    hint: HINT,
  });
}
