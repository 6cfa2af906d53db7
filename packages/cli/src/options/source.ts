import { BaseKitError, type PinnedReference, parsePinnedReference, printable } from "@base-kit/core";

/** Where an image comes from; the transports are spelled as in skopeo and podman. */
export type SourceSpec =
  | { readonly transport: "oci" | "oci-archive"; readonly path: string; readonly wanted: string | undefined }
  | { readonly transport: "docker-archive"; readonly path: string; readonly wanted: string | undefined }
  | { readonly transport: "docker-daemon"; readonly name: string }
  | { readonly transport: "docker"; readonly reference: PinnedReference }
  /** A path or a name; which one is seen when it is opened. */
  | { readonly transport: "bare"; readonly text: string };

export const SOURCE_EXPECTED =
  "docker://NAME[:TAG][@DIGEST], docker-daemon:NAME[:TAG], oci:DIRECTORY[:TAG], oci-archive:FILE[:TAG], docker-archive:FILE[:NAME:TAG], or a file, directory or image name alone";

/**
 * Where an image comes from, as people write it.
 *
 * @throws BaseKitError `SOURCE_INVALID`, `REFERENCE_…` (usage)
 */
export function parseSource(text: string): SourceSpec {
  const [, transport = "", rest = ""] = /^([a-z-]+):(.*)$/s.exec(text) ?? [];
  switch (transport) {
    case "oci":
    case "oci-archive":
    case "docker-archive":
      return { transport, ...pathAndName(text, rest) };
    case "docker-daemon":
      if (rest === "" || /[\s\p{Cc}]/u.test(rest) || rest.startsWith("-"))
        return invalid(text, "an image name is missing");
      return { transport, name: rest };
    case "docker":
      if (rest.startsWith("//")) return { transport, reference: parsePinnedReference(rest.slice(2)) };
      break;
  }
  if (text === "" || text.includes("\0")) return invalid(text, "it names nothing");
  return { transport: "bare", text };
}

/** `PATH[:NAME]`, cut at the first colon as containers/image does, or `PATH@DIGEST`. */
function pathAndName(text: string, rest: string): { readonly path: string; readonly wanted: string | undefined } {
  const [, path, name, digest] =
    /^([^:\0]+?)(?::([^@\0]+)|@(sha256:[0-9a-f]{64}))?$/s.exec(rest) ?? invalid(text, "a path is missing");
  return { path: path as string, wanted: name ?? digest };
}

function invalid(text: string, why: string): never {
  throw new BaseKitError("SOURCE_INVALID", `the source ${printable(text)} is refused: ${why}`, {
    kind: "usage",
    hint: `Expected ${SOURCE_EXPECTED}.`,
  });
}
