import { readFile, stat } from "node:fs/promises";
import { BaseKitError, type Context, parsePinnedReference, printable } from "@base-kit/core";
import { type Attached, attach as attachTo } from "@base-kit/registry";
import { whyUnreadable } from "@base-kit/store";
import { documentTitle } from "../open-file.ts";

export interface AttachFlags {
  readonly type?: string;
}

export type AttachResult = Attached & { readonly type: string };

/** A list of all packages of a large image is a few megabytes. */
const FILE_AT_MOST = 64 * 1024 ** 2;

/** `base-kit attach <image> <file>`: puts a document, such as an SBOM, beside an image in its registry. */
export async function attach(name: string, file: string, flags: AttachFlags, context: Context): Promise<AttachResult> {
  const reference = parsePinnedReference(name.replace(/^docker:\/\//, ""));
  const bytes = await read(file);
  const type = flags.type ?? typeOf(bytes, file);
  const title = documentTitle(file, type);
  const attachment = { type, bytes, ...(title === undefined ? {} : { title }) };
  return { type, ...(await attachTo(reference, attachment, { context })) };
}

async function read(file: string): Promise<Buffer> {
  const refuse = (why: string): never => {
    throw new BaseKitError("ATTACHMENT_UNREADABLE", `cannot attach ${printable(file)}: ${why}`, {
      kind: "environment",
      hint: "Name a file that may be read. Nothing was sent.",
    });
  };
  try {
    const found = await stat(file);
    if (!found.isFile()) return refuse("it is not a file");
    if (found.size > FILE_AT_MOST) return refuse(`it has ${found.size} bytes; at most ${FILE_AT_MOST} are taken`);
    return await readFile(file);
  } catch (error) {
    if (error instanceof BaseKitError) throw error;
    return refuse(whyUnreadable(file, error));
  }
}

/** SPDX and CycloneDX say what they are. */
function typeOf(bytes: Buffer, file: string): string {
  try {
    const document: unknown = JSON.parse(bytes.toString("utf8"));
    if (typeof document === "object" && document !== null) {
      if ("spdxVersion" in document) return "application/spdx+json";
      if ("bomFormat" in document && document.bomFormat === "CycloneDX") return "application/vnd.cyclonedx+json";
    }
  } catch {
    // Told below.
  }
  throw new BaseKitError("ATTACHMENT_TYPE", `it is not known what ${printable(file)} is`, {
    kind: "usage",
    hint: "Name its media type with --type: application/spdx+json, application/vnd.cyclonedx+json, text/plain, …",
  });
}

/** For people: what it belongs to, and how it is found. */
export function renderAttach({ subject, digest, type, listedAt }: AttachResult): string {
  const rows = [
    ["image", subject],
    ["document", digest],
    ["type", printable(type)],
    ["listed", listedAt],
  ];
  return rows.map(([name, value]) => `${(name ?? "").padEnd(10)}${value}\n`).join("");
}
