import { bytesFromText, type Entry, textFromBytes } from "@base-kit/core";
import { fileEntry, symlinkEntry } from "@base-kit/rootfs";
import { bareText } from "./script-commands.ts";
import { linkAt, type NativeState, namesIn, type Outcome, textAt, withEntries, withoutPaths } from "./state.ts";
import { subjectHash } from "./subject-hash.ts";

const PLACE = "etc/ssl/certs";
const CONFIGURATION = "etc/ca-certificates.conf";
const SOURCES = { packaged: "usr/share/ca-certificates", local: "usr/local/share/ca-certificates" } as const;
const HOOKS = "etc/ca-certificates/update.d";
const REHASH = ["exec", "/usr/bin/c_rehash", "/etc/ssl/certs"].join(" ");
const CERTIFICATE_FILE = /\.(?:pem|crt|cer)$/i;
const HASH_LINK = /^[0-9a-f]{8}\.\d+$/;

/**
 * `update-ca-certificates` of Alpine: the bundle, a link for each certificate, and a link by the hash of its subject. Left alone when
 * there are hooks besides the one that makes the hash links.
 */
export async function updateCaCertificates(state: NativeState): Promise<Outcome> {
  const configuration = await textAt(state, CONFIGURATION);
  const hooks = await Promise.all(namesIn(state, HOOKS).map((name) => textAt(state, `${HOOKS}/${name}`)));
  if (configuration === undefined || !hooks.every(isRehash)) return undefined;
  const listed = configuration.split("\n").filter((line) => line !== "" && !/^[#!]/.test(line));
  const local = namesIn(state, SOURCES.local);
  const paths = [
    ...listed.map((name) => `${SOURCES.packaged}/${name}`),
    ...local.map((name) => `${SOURCES.local}/${name}`),
  ];
  const certificates: { readonly link: string; readonly path: string; readonly pem: string }[] = [];
  for (const path of paths) {
    const pem = await textAt(state, path);
    // A list that names what is not there is a case for the program itself.
    if (pem === undefined) return undefined;
    certificates.push({ link: linkName(path), path, pem });
  }
  const options = { mtime: state.epoch };
  const bundle = fileEntry(`${PLACE}/ca-certificates.crt`, certificates.map(({ pem }) => `${pem}\n`).join(""), options);
  const links = new Map(
    certificates.map(({ link, path }) => [link, symlinkEntry(`${PLACE}/${link}`, `/${path}`, options)]),
  );
  const wanted = [...links.values()].filter((link) => !isThere(state, link));
  const stale = namesIn(state, PLACE).filter((name) => !links.has(name) && isStale(state, `${PLACE}/${name}`));
  const linked = without(withEntries(state, [bundle, ...wanted]), stale);
  return hooks.length === 0 ? linked : withHashLinks(linked);
}

function isRehash(hook: string | undefined): boolean {
  return hook?.startsWith("#!/bin/sh\n") === true && bareText(hook) === REHASH;
}

/** `/usr/share/ca-certificates/mozilla/ACCV.crt` becomes `ca-cert-ACCV.pem`. */
function linkName(path: string): string {
  const name = path.slice(path.lastIndexOf("/") + 1).replace(/(?<=.)\.crt$/, "");
  return `ca-cert-${name.replace(/[, ]/g, "_").replace(/[()]/g, "=")}.pem`;
}

/** A link into the folders of certificates that none asks for any more. */
function isStale(state: NativeState, path: string): boolean {
  const entry = linkAt(state, path);
  return [SOURCES.packaged, SOURCES.local].some((folder) => entry?.startsWith(`/${folder}/`));
}

/** `c_rehash`: of certificates with one hash the first by name has the number 0; the same certificate twice has one link. */
async function withHashLinks(state: NativeState): Promise<NativeState> {
  const counts = new Map<string, number>();
  const seen = new Set<string>();
  const links: Entry[] = [];
  for (const name of namesIn(state, PLACE)) {
    if (!CERTIFICATE_FILE.test(name)) continue;
    const pem = await certificateAt(state, name);
    const blocks = pem?.match(/-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----[^-]*-----END/g) ?? [];
    const hash = blocks.length === 1 && pem !== undefined ? subjectHash(pem) : undefined;
    const [block = ""] = blocks;
    if (hash === undefined || seen.has(block.replace(/\s/g, ""))) continue;
    seen.add(block.replace(/\s/g, ""));
    const count = counts.get(hash) ?? 0;
    counts.set(hash, count + 1);
    links.push(symlinkEntry(`${PLACE}/${hash}.${count}`, name, { mtime: state.epoch }));
  }
  const names = new Set<string>(links.map(({ path }) => path));
  const stale = namesIn(state, PLACE).filter((name) => HASH_LINK.test(name) && !names.has(`${PLACE}/${name}`));
  return without(
    withEntries(
      state,
      links.filter((link) => !isThere(state, link)),
    ),
    stale,
  );
}

/** A new link leads into the tree, which a state does not follow. */
function certificateAt(state: NativeState, name: string): Promise<string | undefined> {
  const target = linkAt(state, `${PLACE}/${name}`);
  return textAt(state, target?.startsWith("/") ? target.slice(1) : `${PLACE}/${name}`);
}

function isThere(state: NativeState, link: Entry): boolean {
  return link.type === "symlink" && linkAt(state, textFromBytes(link.path)) === textFromBytes(link.target);
}

function without(state: NativeState, names: readonly string[]): NativeState {
  return withoutPaths(
    state,
    names.map((name) => bytesFromText(`${PLACE}/${name}`)),
  );
}
