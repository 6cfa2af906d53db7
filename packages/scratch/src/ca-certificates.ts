import { X509Certificate } from "node:crypto";
import { BaseKitError, type ByteString, type Context, printable } from "@base-kit/core";
import { subjectHash } from "./subject-hash.ts";

const PEM = /-----BEGIN ([A-Z0-9 ]+)-----[\s\S]*?-----END \1-----/g;
const BUNDLE_AT_MOST = 16 * 1024 ** 2;

/** A bundle of certificates of which every one was read. */
export interface CaBundle {
  readonly pem: string;
  readonly count: number;
  /** Subjects of those whose time is over. */
  readonly expired: readonly string[];
  /** Each certificate under the name by which OpenSSL looks for it in a folder: `4042bcee.0`. One that comes twice is there once. */
  readonly byHash: ReadonlyMap<string, string>;
}

/**
 * Reads a PEM file that everyone will see: certificates only, each of them sound, in the order of the file, without what
 * stands between them.
 *
 * @throws BaseKitError `SCRATCH_CA_PRIVATE_KEY` (usage), `SCRATCH_CA_INVALID` (unsupported)
 */
export function readCaBundle(bytes: Buffer, name: string | ByteString, { clock }: Pick<Context, "clock">): CaBundle {
  const text = bytes.toString("latin1");
  if (/-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----/.test(text)) throw privateKey(name);
  const blocks = bytes.length > BUNDLE_AT_MOST ? [] : [...text.matchAll(PEM)];
  if (blocks.length === 0) throw invalid(name, "it holds no certificate");
  const expired: string[] = [];
  const byHash = new Map<string, string>();
  const seen = new Set<string>();
  const counts = new Map<string, number>();
  const parts = blocks.map(([block, kind = ""], index) => {
    if (!/^(?:X509 |TRUSTED )?CERTIFICATE$/.test(kind))
      throw invalid(name, `part ${index + 1} is a ${printable(kind)}, expected a certificate`);
    const certificate = parse(block, `certificate ${index + 1}`, name);
    if (Date.parse(certificate.validTo) / 1000 < clock.now()) expired.push(certificate.subject.replaceAll("\n", ", "));
    const pem = `${block.replaceAll("\r", "")}\n`;
    const hash = seen.has(certificate.fingerprint256) ? undefined : subjectHash(certificate.raw);
    seen.add(certificate.fingerprint256);
    if (hash !== undefined) {
      // As `openssl rehash`: certificates of one subject are told apart by a number.
      const number = counts.get(hash) ?? 0;
      byHash.set(`${hash}.${number}`, pem);
      counts.set(hash, number + 1);
    }
    return pem;
  });
  if (text.split("-----BEGIN ").length - 1 !== parts.length) throw invalid(name, "one of its certificates has no end");
  return { pem: parts.join(""), count: parts.length, expired, byHash };
}

function parse(block: string, what: string, name: string): X509Certificate {
  try {
    return new X509Certificate(block);
  } catch (error) {
    throw invalid(name, `${what} is damaged`, error);
  }
}

function privateKey(name: string): BaseKitError {
  return new BaseKitError(
    "SCRATCH_CA_PRIVATE_KEY",
    `the CA bundle ${printable(name)} is refused: it holds a private key`,
    {
      kind: "usage",
      hint: "Everyone who has the image could read it. Name a file that holds certificates only. Nothing was written.",
    },
  );
}

function invalid(name: string, why: string, cause?: unknown): BaseKitError {
  return new BaseKitError("SCRATCH_CA_INVALID", `the CA bundle ${printable(name)} cannot be used: ${why}`, {
    kind: "unsupported",
    hint: "It has to be a PEM file: blocks that begin with -----BEGIN CERTIFICATE-----. Nothing was written.",
    cause,
  });
}
