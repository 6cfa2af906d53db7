import { type Context, type Lock, type LockedInput, type ProducerRequest, redactUrl } from "@base-kit/core";
import { alpineArchitecture } from "./architecture.ts";
import { checkOptions } from "./check-options.ts";
import { findExactVersion } from "./exact-version.ts";
import type { Minirootfs, Wanted } from "./minirootfs.ts";
import { chooseMirror, publicUrl } from "./mirror.ts";
import { findNewest } from "./newest.ts";
import type { AlpineOptions } from "./options.ts";
import { parseRelease } from "./release.ts";

/** Decides which mini root filesystem, by the mirror's list of releases. */
export async function resolve(request: ProducerRequest<AlpineOptions>, context: Context): Promise<Lock> {
  const options = await checkOptions(request.options);
  const release = parseRelease(request.release);
  const architecture = alpineArchitecture(request.platform);
  const mirror = await chooseMirror(options.mirror, context);
  const wanted: Wanted = { release, architecture, mirror };
  tellTrust(mirror, context);

  const newest = await findNewest(wanted, context);
  const isNewest = release.version === undefined || release.version === newest.version;
  const found = isNewest ? newest : await findExactVersion(wanted, newest, context);
  return {
    lockVersion: 1,
    producer: "alpine",
    release: request.release ?? release.branch,
    platform: request.platform,
    sourceDateEpoch: request.sourceDateEpoch ?? found.date,
    inputs: [...(isNewest ? [newest.index] : []), lockedInput(found)],
    options: { ...options },
  };
}

function lockedInput({ url, size, sha256, sha512, verifiedBy }: Minirootfs): LockedInput {
  const name = url.pathname.slice(url.pathname.lastIndexOf("/") + 1);
  return { name, url: publicUrl(url), size, sha256, sha512, verifiedBy };
}

/** Alpine signs its packages; of the root filesystems it publishes checksums, on the same mirror. */
function tellTrust(mirror: URL, { reporter }: Context): void {
  const where = redactUrl(mirror);
  if (mirror.protocol === "http:") {
    const message = `${where} is plain http: whoever is in between can change the files and their checksums; use https`;
    reporter.emit({ type: "warned", code: "MIRROR_NOT_AUTHENTICATED", message });
    return;
  }
  const because = mirror.protocol === "https:" ? "by its TLS certificate" : "as a folder of this machine";
  reporter.emit({
    type: "noted",
    message: `${where} is trusted ${because}: checksums are compared, they are not signed`,
  });
}
