import { Workspace } from "./tools/projen/index.ts";

const workspace = new Workspace({ name: "base-kit" });

const core = workspace.addPackage({
  dir: "core",
  description: "What a producer, a root filesystem, an image and a sink are: contracts without I/O.",
  layer: "contract",
  deps: ["zod"],
});

const tar = workspace.addPackage({
  dir: "tar",
  description: "Deterministic tar: entries to bytes and back, nothing lost and nothing trusted.",
  layer: "foundation",
  workspaceDeps: [core],
});

const testing = workspace.addPackage({
  dir: "testing",
  description: "Contract suites for producers and sinks, trees as text, and a loopback mirror that fails on demand.",
  layer: "testing",
  workspaceDeps: [core],
  deps: ["ajv", "ajv-formats"],
  devDeps: ["zod"],
  peerDeps: { vitest: "^4.0.0" },
});

const host = workspace.addPackage({
  dir: "host",
  description: "The operating system as one injected context: programs, HTTP, temporary folders, the clock.",
  layer: "foundation",
  workspaceDeps: [core],
  deps: ["execa", "undici"],
});

const store = workspace.addPackage({
  dir: "store",
  description: "Content-addressed cache, verified and resumed downloads, decompression.",
  layer: "foundation",
  workspaceDeps: [core],
  deps: ["xz-decompress", "zstddec"],
});

const signatures = workspace.addPackage({
  dir: "signatures",
  description: "Checks who signed an archive's index before anything else reads it.",
  layer: "foundation",
  workspaceDeps: [core],
});

const elf = workspace.addPackage({
  dir: "elf",
  description: "Reads ELF programs and finds the libraries they load.",
  layer: "foundation",
  workspaceDeps: [core],
});

const sandbox = workspace.addPackage({
  dir: "sandbox",
  description: "Runs a program inside a root filesystem: user namespace, chroot or container.",
  layer: "tree",
  workspaceDeps: [core, tar],
});

sandbox.testWith(store);

const rootfs = workspace.addPackage({
  dir: "rootfs",
  description: "The virtual tree of a root filesystem, its transforms, and directories and tars as one.",
  layer: "tree",
  workspaceDeps: [core, tar, store, elf],
});

const oci = workspace.addPackage({
  dir: "oci",
  description: "Layers, config, manifest, index, layout and archive of an OCI image, and their validation.",
  layer: "image",
  workspaceDeps: [core, tar, store, rootfs],
  deps: ["spdx-license-ids", "tar-stream"],
  devDeps: ["@cyclonedx/cyclonedx-library", "@types/tar-stream", "ajv", "ajv-formats"],
});

const debianArchive = workspace.addPackage({
  dir: "debian-archive",
  description: "What Debian's and Ubuntu's archives have in common: sources, suites, architectures, signed Releases.",
  layer: "tree",
  workspaceDeps: [core, store, signatures],
});

const debianTweaks = workspace.addPackage({
  dir: "debian-tweaks",
  description: "What makes a system of Debian or Ubuntu a good base image: tweaks with names, and slim.",
  layer: "family",
  workspaceDeps: [core, rootfs],
});

const producerDebootstrap = workspace.addPackage({
  dir: "producer-debootstrap",
  description: "Debian and Ubuntu root filesystems by the real debootstrap, verified and without its leftovers.",
  layer: "producer",
  workspaceDeps: [core, debianArchive, debianTweaks, rootfs, store, signatures],
  deps: ["zod"],
});

const producerDebian = workspace.addPackage({
  dir: "producer-debian",
  description: "Debian and Ubuntu root filesystems natively: verified packages, unpacked in memory, a dpkg database.",
  layer: "producer",
  workspaceDeps: [core, debianArchive, debianTweaks, rootfs, sandbox, signatures, store, tar],
  deps: ["zod"],
});

const producerAlpine = workspace.addPackage({
  dir: "producer-alpine",
  description: "Alpine root filesystems from Alpine's own releases.",
  layer: "producer",
  workspaceDeps: [core, rootfs, sandbox, signatures, tar, store],
  deps: ["yaml", "zod"],
});

const importer = workspace.addPackage({
  dir: "importer",
  description: "Finds a Docker-compatible engine and hands it an image, through its command line or its API.",
  layer: "sink",
  workspaceDeps: [core, oci],
  deps: ["dockerode"],
  devDeps: ["@types/dockerode"],
});
importer.testWith(host, rootfs);

const registry = workspace.addPackage({
  dir: "registry",
  description: "OCI distribution client: pulls, pushes and copies images, with the logins docker and podman have.",
  layer: "sink",
  workspaceDeps: [core, oci, store],
});
registry.testWith(rootfs);

const scratch = workspace.addPackage({
  dir: "scratch",
  description: "Images from nothing but the programs you name, and what those need to run.",
  layer: "sink",
  workspaceDeps: [core, tar, elf, rootfs, oci],
});

workspace.addPackage({
  dir: "cli",
  name: "base-kit",
  description: "Makes container base images: the thing behind FROM.",
  layer: "app",
  bin: { "base-kit": "bin/base-kit.js" },
  workspaceDeps: [
    core,
    host,
    tar,
    store,
    elf,
    rootfs,
    sandbox,
    oci,
    producerDebian,
    producerDebootstrap,
    producerAlpine,
    importer,
    registry,
    scratch,
  ],
  // The last two are what its bundle looks for at run time.
  deps: ["commander", "zod", "spdx-license-ids", "xz-decompress"],
});

for (const each of workspace.packages) {
  if (![core, testing, debianArchive].includes(each)) each.testWith(testing);
}
// What runs real programs is tested with the context that runs them.
for (const each of [rootfs, sandbox, producerDebian, producerDebootstrap, producerAlpine, importer, registry])
  each.testWith(host);

workspace.synth();
