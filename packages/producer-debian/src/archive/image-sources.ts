import { createHash } from "node:crypto";
import { basename } from "node:path";
import { publicArchive } from "@base-kit/debian-archive";
import { publicUrl } from "./credentials.ts";
import type { VerifiedSuite } from "./suite-index.ts";
import type { Distribution } from "./suites.ts";

/** What apt in the image is told of the archives the image was made of. */
export interface ImageSources {
  /** Of `sources.list`. */
  readonly lines: readonly string[];
  /** Keys of archives that the user added: the distribution's own are in a package of the image. */
  readonly keyrings: readonly ImageKeyring[];
}

export interface ImageKeyring {
  /** In the image, without a slash at the beginning. */
  readonly path: string;
  /** Bare OpenPGP packets. */
  readonly base64: string;
}

/** A folder of the build machine is no use in an image: for the distribution's own the public mirror stands there, another one is left out. */
export function imageSources(
  suites: readonly VerifiedSuite[],
  { distribution, main }: { readonly distribution: Distribution; readonly main: string },
): ImageSources {
  const keyrings = new Map<string, ImageKeyring>();
  const lines = suites.flatMap((each): readonly string[] => {
    const { mirror, suite, isAdded, asOf } = each.source;
    const place = `${suite} ${each.components.join(" ")}`;
    // What was valid then is out of date for apt.
    const options = asOf === undefined ? "" : "[check-valid-until=no] ";
    if (!isAdded) return [`deb ${options}${ownArchive(each, { distribution, main })} ${place}`];
    if (mirror.startsWith("file:")) return [];
    const keyring = imageKeyring(each);
    keyrings.set(keyring.path, keyring);
    return [`deb [signed-by=/${keyring.path}] ${publicUrl(mirror)} ${place}`];
  });
  return { lines, keyrings: [...keyrings.values()] };
}

function ownArchive(
  { source }: VerifiedSuite,
  { distribution, main }: { readonly distribution: Distribution; readonly main: string },
): string {
  const isSecurity = distribution === "debian" && source.suite.endsWith("-security");
  const open = isSecurity
    ? "http://security.debian.org/debian-security"
    : publicArchive(distribution, source.architecture);
  const isLocal = source.mirror.startsWith("file:") && main.startsWith("file:");
  return isLocal ? open : publicUrl(source.mirror);
}

/** Named after the file it is from, and after what is in it: two archives may call theirs the same. */
function imageKeyring({ source: { keyring } }: VerifiedSuite): ImageKeyring {
  const name = basename(keyring.source)
    .replace(/\.(?:gpg|asc|kbx|pgp)$/, "")
    .replace(/[^A-Za-z0-9._-]/g, "-");
  const digest = createHash("sha256").update(keyring.packets).digest("hex").slice(0, 8);
  const base64 = Buffer.from(keyring.packets).toString("base64");
  return { path: `etc/apt/keyrings/${name}-${digest}.gpg`, base64 };
}
