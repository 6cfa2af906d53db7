import { addEntries, fileEntry } from "@base-kit/rootfs";
import type { Tweak } from "./tweak.ts";

// The settings, their names and their file names are those of debuerreotype's debuerreotype-minimizing-config, so that
// images made either way can be treated alike.

const REMOVE_PACKAGE_FILES =
  "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/archives/partial/*.deb /var/cache/apt/*.bin || true";

export const dockerClean: Tweak = aptConfig({
  name: "docker-clean",
  summary: "apt keeps no downloaded packages and no caches",
  why: "Every RUN apt-get install would leave them in a layer. Not wanted with BuildKit cache mounts on /var/cache/apt.",
  lines: [
    `DPkg::Post-Invoke { "${REMOVE_PACKAGE_FILES}"; };`,
    `APT::Update::Post-Invoke { "${REMOVE_PACKAGE_FILES}"; };`,
    'Dir::Cache::pkgcache "";',
    'Dir::Cache::srcpkgcache "";',
  ],
});

export const dockerGzipIndexes: Tweak = aptConfig({
  name: "docker-gzip-indexes",
  summary: "apt keeps its package lists compressed",
  why: "A layer with package lists is a quarter of the size.",
  lines: ['Acquire::GzipIndexes "true";'],
});

export const dockerNoLanguages: Tweak = aptConfig({
  name: "docker-no-languages",
  summary: "apt fetches no translated descriptions",
  why: "Nobody reads them in a container, and each apt-get update would download them.",
  lines: ['Acquire::Languages "none";'],
});

export const dockerAutoremoveSuggests: Tweak = aptConfig({
  name: "docker-autoremove-suggests",
  summary: "apt-get autoremove also removes what is only suggested",
  why: "apt-get purge --auto-remove at the end of a RUN would leave packages that another one merely suggests.",
  lines: ['Apt::AutoRemove::SuggestsImportant "false";'],
});

interface AptConfig extends Pick<Tweak, "name" | "summary" | "why"> {
  readonly lines: readonly string[];
}

function aptConfig({ lines, ...tweak }: AptConfig): Tweak {
  const text = [`// ${tweak.summary}: ${tweak.why}`, ...lines, ""].join("\n");
  return {
    ...tweak,
    apply: (rootfs, { epoch }) => {
      const file = fileEntry(`etc/apt/apt.conf.d/${tweak.name}`, text, { mtime: epoch });
      return addEntries([file], tweak.name)(rootfs);
    },
  };
}
