// Installs the programs the tests compare against, on a Debian-like machine where this runs as root.
import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";

/** What is looked for, the Debian package that brings it, and what the tests want it for. */
export const PACKAGES = [
  {
    name: "docker.io",
    programs: ["dockerd", "ctr"],
    purpose: "the engine that images are loaded into and run by",
  },
  // A package of its own since Debian 13.
  { name: "docker-cli", programs: ["docker"], purpose: "the command line of that engine", otherwise: "docker.io" },
  { name: "runc", programs: ["runc"], purpose: "starts the containers of that engine" },
  { name: "podman", programs: ["podman"], purpose: "an engine of another make" },
  { name: "crun", programs: ["crun"], purpose: "starts podman's containers" },
  { name: "uidmap", programs: ["newuidmap"], purpose: "user namespaces without root" },
  { name: "buildah", programs: ["buildah"], purpose: "reads OCI archives" },
  { name: "skopeo", programs: ["skopeo"], purpose: "copies images between all transports" },
  { name: "umoci", programs: ["umoci"], purpose: "unpacks OCI layouts" },
  { name: "docker-registry", programs: ["docker-registry"], purpose: "a registry on the loopback interface" },
  { name: "debootstrap", programs: ["debootstrap"], purpose: "what the debootstrap producer runs" },
  { name: "mmdebstrap", programs: ["mmdebstrap"], purpose: "a second opinion on Debian root filesystems" },
  {
    name: "debian-archive-keyring",
    files: ["/usr/share/keyrings/debian-archive-keyring.gpg"],
    purpose: "Debian's keys",
  },
  { name: "gpgv", programs: ["gpgv"], purpose: "checks signatures of archives" },
  { name: "gnupg", programs: ["gpg"], purpose: "signs the archives that tests make" },
  { name: "xz-utils", programs: ["xz"], purpose: "makes .xz input" },
  { name: "zstd", programs: ["zstd"], purpose: "makes .zst input" },
  { name: "binutils", programs: ["readelf"], purpose: "a second opinion on ELF files" },
  { name: "openssh-server", files: ["/usr/sbin/sshd"], purpose: "a way to an engine, on the loopback interface" },
  { name: "openssh-client", programs: ["ssh", "ssh-keygen"], purpose: "who goes that way" },
  { name: "strace", programs: ["strace"], purpose: "shows what a program looks for" },
  { name: "libc-bin", programs: ["ldd", "ldconfig"], purpose: "a second opinion on the search for libraries" },
  { name: "gcc", programs: ["gcc"], purpose: "compiles small programs for images from scratch" },
  { name: "libc6-dev", files: ["/usr/include/stdio.h"], purpose: "what gcc needs for that" },
  { name: "g++", programs: ["g++"], purpose: "a C++ program for such an image" },
  { name: "musl-tools", programs: ["musl-gcc"], purpose: "a program for musl's linker" },
  { name: "openssl", programs: ["openssl"], purpose: "makes certificates, and is a program for such an image" },
  { name: "curl", programs: ["curl"], purpose: "a program for such an image" },
  { name: "git", programs: ["git"], purpose: "a program for such an image" },
  { name: "sqlite3", programs: ["sqlite3"], purpose: "a program for such an image" },
  { name: "perl", programs: ["perl"], purpose: "an interpreter for such an image" },
  { name: "python3", files: ["/usr/bin/python3"], purpose: "an interpreter for such an image" },
  { name: "postgresql-client", programs: ["psql"], purpose: "a program for such an image" },
  { name: "ruby", programs: ["ruby"], purpose: "an interpreter for such an image" },
  { name: "default-jre-headless", programs: ["java"], purpose: "an interpreter for such an image" },
  { name: "gosu", programs: ["gosu"], purpose: "a program in Go for such an image" },
  { name: "rpm", programs: ["rpm", "rpmbuild"], purpose: "a second opinion on its database" },
  { name: "busybox-static", programs: ["busybox"], purpose: "a static program for images from scratch" },
];

/** The packages of the table that this machine lacks. An engine that answers needs no second one beside it. */
export function missingPackages({ engineAnswers }) {
  return PACKAGES.filter(({ name, programs = [], files = [] }) => {
    if (engineAnswers && name === "docker.io") return false; // it may be of another make, which excludes this one
    return !programs.every(isOnPath) || !files.every((file) => existsSync(file));
  });
}

/** Why nothing can be installed here, or undefined where it can. */
export function provisioningObstacle(env = process.env) {
  if (env.BASE_KIT_PROVISION === "0") return "BASE_KIT_PROVISION=0";
  if (process.platform !== "linux" || !existsSync("/etc/debian_version") || !isOnPath("apt-get"))
    return "not a Debian-like system";
  if (process.getuid() !== 0) return "not running as root";
  return undefined;
}

/** Installs what is missing. A failure is reported, not thrown: the tests that need the package say so themselves. */
export function provision({ engineAnswers, note }) {
  const missing = missingPackages({ engineAnswers });
  if (missing.length === 0) return;
  const obstacle = provisioningObstacle();
  if (obstacle) {
    note(`not installing ${missing.map(({ name }) => name).join(" ")}: ${obstacle}`);
    return;
  }
  note("installing Debian packages that the tests need (BASE_KIT_PROVISION=0 turns this off):");
  for (const { name, purpose } of missing) note(`  ${name.padEnd(24)} ${purpose}`);
  withoutStartingServices(() => {
    if (apt(["update"]) !== 0) note("apt-get update failed; going on with the package lists that are there");
    const names = missing.map(({ name, otherwise }) => (otherwise && !hasCandidate(name) ? otherwise : name));
    const installable = [...new Set(names)].filter(hasCandidate);
    const unknown = names.filter((name) => !installable.includes(name));
    if (unknown.length > 0) note(`this distribution has no ${unknown.join(" ")}`);
    if (installable.length > 0 && apt(["install", "--yes", "--no-install-recommends", ...installable]) !== 0) {
      note("apt-get install failed");
    }
  });
}

function isOnPath(program) {
  return (process.env.PATH ?? "").split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Packages with a service would start it: a second Docker daemon, with the machine's own data folder. */
function withoutStartingServices(action) {
  const policy = "/usr/sbin/policy-rc.d";
  if (existsSync(policy)) return action();
  const remove = () => rmSync(policy, { force: true });
  process.once("exit", remove);
  writeFileSync(policy, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  try {
    return action();
  } finally {
    remove();
    process.off("exit", remove);
  }
}

function hasCandidate(name) {
  const { stdout } = spawnSync("apt-cache", ["policy", name], {
    encoding: "utf8",
    env: { ...process.env, LC_ALL: "C" },
  });
  return /^ {2}Candidate: (?!\(none\))/m.test(stdout ?? "");
}

function apt(args) {
  const { status } = spawnSync("apt-get", ["-q", "-o", "DPkg::Lock::Timeout=300", ...args], {
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    stdio: ["ignore", 2, 2],
  });
  return status;
}
