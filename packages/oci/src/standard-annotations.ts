import type { Rootfs } from "@base-kit/core";
import { rfc3339 } from "./config.ts";

/** What is known of every image, under the names of the OCI image specification 1.1, "Pre-Defined Annotation Keys". */
export function standardAnnotations({ osRelease }: Rootfs, created: number): Readonly<Record<string, string>> {
  const { PRETTY_NAME: title, VERSION_ID: version } = osRelease;
  return {
    "org.opencontainers.image.created": rfc3339(created),
    ...(title === undefined ? {} : { "org.opencontainers.image.title": title }),
    ...(version === undefined ? {} : { "org.opencontainers.image.version": version }),
  };
}
