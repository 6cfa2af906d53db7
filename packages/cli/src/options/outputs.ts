import { BaseKitError, type ImageReference, parseReference, printable } from "@base-kit/core";

/** Where the image goes; the transports are spelled as in skopeo and podman. */
export type Output =
  | { readonly transport: "docker-daemon"; readonly reference: ImageReference | undefined }
  | { readonly transport: "oci"; readonly path: string; readonly tag: string | undefined }
  | {
      readonly transport: "oci-archive" | "docker-archive";
      readonly path: string;
      readonly reference: ImageReference | undefined;
    }
  | { readonly transport: "tar" | "rootfs"; readonly path: string }
  /** A registry. */
  | { readonly transport: "docker"; readonly reference: ImageReference };

const EXPECTED =
  "docker://NAME[:TAG], docker-daemon:NAME[:TAG], oci:DIRECTORY[:TAG], oci-archive:FILE[:TAG], docker-archive:FILE[:NAME:TAG], tar:FILE[.gz|.zst] or rootfs:DIRECTORY";

const FLAG = "--output";

/**
 * One `-o` value.
 *
 * @param named what an error calls it
 * @throws BaseKitError `OUTPUT_INVALID` (usage)
 */
export function parseOutput(value: string, named: string = `${FLAG} ${printable(value)}`): Output {
  const colon = value.indexOf(":");
  const transport = colon < 0 ? value : value.slice(0, colon);
  const rest = colon < 0 ? "" : value.slice(colon + 1);
  if (/^-(?::|$)/.test(rest) && !isPiped(transport)) {
    return invalid(named, "this is no file that could go to standard output; what has this name is written ./-");
  }
  switch (transport) {
    case "docker":
      if (!rest.startsWith("//")) return invalid(named, "a registry is written docker://NAME");
      return { transport, reference: parseReference(rest.slice(2)) };
    case "docker-daemon":
      return { transport, reference: rest === "" ? undefined : parseReference(rest) };
    case "oci": {
      const [path, tag] = splitAtColon(named, rest);
      if (tag !== undefined && !/^\w[\w.-]{0,127}$/.test(tag)) return invalid(named, `${printable(tag)} is not a tag`);
      return { transport, path, tag };
    }
    case "oci-archive": {
      const [path, tag] = splitAtColon(named, rest);
      return {
        transport,
        path,
        reference: tag === undefined ? undefined : parseReference(`${nameFromFile(path)}:${tag}`),
      };
    }
    case "docker-archive": {
      const [path, name] = splitAtColon(named, rest);
      return { transport, path, reference: name === undefined ? undefined : parseReference(name) };
    }
    case "tar":
    case "rootfs":
      return rest === "" ? invalid(named, "a path is missing") : { transport, path: rest };
    default:
      return invalid(named, `${printable(transport)} is not a transport`);
  }
}

/** What is a single file can be read from a pipe. */
export function isPiped(transport: string): transport is "oci-archive" | "docker-archive" | "tar" {
  return transport === "oci-archive" || transport === "docker-archive" || transport === "tar";
}

/** `PATH[:REST]`, cut at the first colon as containers/image does; a path with a colon in it has no spelling. */
function splitAtColon(named: string, rest: string): readonly [path: string, after: string | undefined] {
  const [, path, after] = /^([^:\0]+)(?::(.+))?$/s.exec(rest) ?? invalid(named, "a path is missing");
  return [path as string, after];
}

/** An archive may be tagged without being named; its file's name then is the best there is. */
function nameFromFile(path: string): string {
  const base = path
    .slice(path.lastIndexOf("/") + 1)
    .toLowerCase()
    .replace(/\.(?:tar|oci).*$/, "");
  return base.replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "") || "image";
}

function invalid(named: string, why: string): never {
  throw new BaseKitError("OUTPUT_INVALID", `${named} is refused: ${why}`, {
    kind: "usage",
    hint: `Expected ${EXPECTED}.${named.startsWith(FLAG) ? " FILE may be - for standard output." : ""}`,
  });
}
