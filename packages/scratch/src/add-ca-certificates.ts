import { readFileSync } from "node:fs";
import {
  BaseKitError,
  bytesFromText,
  type Context,
  printable,
  systemErrorCode,
  systemErrorReason,
} from "@base-kit/core";
import { readSmallFile, type SearchRoot } from "@base-kit/elf";
import { type CaBundle, readCaBundle } from "./ca-certificates.ts";
import { bytesOf } from "./copy-file.ts";
import type { FeatureInput } from "./features.ts";

/** Where the certificates of a system are, by how common it is; the first that is there is taken. */
const BUNDLES = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/ssl/cert.pem",
];

export function addCaCertificates({ root, tree, options, context, closures }: FeatureInput): void {
  const { caCertificates: choice = "system" } = options;
  const bundle = typeof choice === "object" ? fileBundle(choice.file, context) : systemBundle(root, context);
  if (bundle === undefined) {
    if (options.caCertificates === "system" || options.with?.includes("ca-certificates")) throw noBundle(root);
    context.reporter.emit({
      type: "warned",
      code: "SCRATCH_NO_CA",
      message: `${closures.whoLoads(/^lib(?:ssl|gnutls|curl)/) ?? "a program"} uses TLS, and ${root.name === "" ? "this machine" : printable(root.name)} has no CA certificates to take along`,
    });
    return;
  }
  for (const subject of bundle.expired) {
    context.reporter.emit({
      type: "warned",
      code: "SCRATCH_CA_EXPIRED",
      message: `a CA certificate has expired: ${printable(subject)}`,
    });
  }
  tree.offer("/etc/ssl/certs/ca-certificates.crt", { ...bytesOf(bundle.pem), mode: 0o644, mtime: 0 });
  tree.link("/etc/ssl/cert.pem", "certs/ca-certificates.crt");
  // Where OpenSSL of Debian and of Fedora look by themselves.
  if (closures.whoLoads(/^libcrypto\.so/) !== undefined) {
    tree.link("/usr/lib/ssl/certs", "/etc/ssl/certs");
    tree.link("/usr/lib/ssl/cert.pem", "/etc/ssl/certs/ca-certificates.crt");
    tree.link("/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/certs/ca-certificates.crt");
  }
  if (closures.whoNames(FOLDER_READERS, /^lib(?:ssl|crypto)\.so/) !== undefined) {
    for (const [name, pem] of bundle.byHash)
      tree.offer(`/etc/ssl/certs/${name}`, { ...bytesOf(pem), mode: 0o644, mtime: 0 });
  }
}

function systemBundle(root: SearchRoot, context: Context): CaBundle | undefined {
  for (const path of BUNDLES) {
    const bytes = readSmallFile(root, bytesFromText(path));
    if (bytes !== undefined) return readCaBundle(bytes, `${root.name}${path}`, context);
  }
  return undefined;
}

function fileBundle(file: string, context: Context): CaBundle {
  try {
    return readCaBundle(readFileSync(file), file, context);
  } catch (error) {
    const code = systemErrorCode(error);
    if (error instanceof BaseKitError || code === undefined) throw error;
    throw new BaseKitError(
      "SCRATCH_CA_INVALID",
      `the CA bundle ${printable(file)} cannot be used: ${systemErrorReason(error)}`,
      {
        kind: "environment",
        hint: "Nothing was written.",
        cause: error,
      },
    );
  }
}

/** Functions of OpenSSL that look for a certificate by its hash, as a file in a folder. */
const FOLDER_READERS = [
  "SSL_CTX_load_verify_locations",
  "SSL_CTX_load_verify_dir",
  "X509_STORE_load_locations",
  "X509_STORE_load_path",
  "X509_LOOKUP_hash_dir",
];

function noBundle(root: SearchRoot): BaseKitError {
  return new BaseKitError(
    "SCRATCH_NO_CA",
    `no CA certificates were found in ${root.name === "" ? "this machine" : printable(root.name)}`,
    {
      kind: "environment",
      hint: "Install ca-certificates there, or name a PEM file with --ca-certificates FILE. Nothing was written.",
    },
  );
}
