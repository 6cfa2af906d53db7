import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { debianArchives } from "./apt-sources.ts";
import { firstReachable } from "./reachable.ts";

export interface Available {
  readonly available: true;
  readonly version?: string;
  /** An engine's address, a socket, a mirror's URL or folder. */
  readonly location?: string;
}

export interface Unavailable {
  readonly available: false;
  readonly reason: string;
}

export type ToolState = Available | Unavailable;

/** Something a test may need: a program, an engine that answers, a privilege, a mirror, a registry. */
export type Tool =
  | "docker"
  | "podman"
  | "skopeo"
  | "umoci"
  | "buildah"
  | "docker-registry"
  | "ctr"
  | "debootstrap"
  | "mmdebstrap"
  | "gpgv"
  | "gpg"
  | "tar"
  | "env"
  | "xz"
  | "zstd"
  | "busybox"
  | "readelf"
  | "ldd"
  | "ldconfig"
  | "strace"
  | "sshd"
  | "gcc"
  | "g++"
  | "musl-gcc"
  | "openssl"
  | "curl"
  | "git"
  | "sqlite3"
  | "perl"
  | "psql"
  | "ruby"
  | "java"
  | "gosu"
  | "rpm"
  | "unshare"
  | "root"
  | "npm-registry"
  | "debian-mirror"
  | "alpine-mirror";

type Probe = () => ToolState;

/** Where Debian, Alpine and containerd are found when nobody says otherwise. */
const DEBIAN = "http://ftp.debian.org/debian";
const ALPINE = "https://dl-cdn.alpinelinux.org/alpine";
const CONTAINERD_SOCKETS = ["/run/containerd/containerd.sock", "/run/docker/containerd/containerd.sock"];

const PROBES: Readonly<Record<Tool, Probe>> = {
  docker: probeDocker,
  podman: program("podman"),
  skopeo: program("skopeo"),
  umoci: program("umoci"),
  buildah: program("buildah"),
  "docker-registry": program("docker-registry"),
  ctr: probeContainerd,
  debootstrap: program("debootstrap"),
  mmdebstrap: program("mmdebstrap"),
  gpgv: program("gpgv"),
  gpg: program("gpg"),
  tar: program("tar", { says: "GNU tar" }),
  env: program("env", { says: "GNU coreutils" }),
  xz: program("xz"),
  zstd: program("zstd"),
  busybox: program("busybox", { args: ["--help"] }),
  readelf: program("readelf"),
  ldd: program("ldd"),
  ldconfig: program("ldconfig"),
  strace: program("strace"),
  sshd: probeSshd,
  gcc: program("gcc"),
  "g++": program("g++"),
  "musl-gcc": program("musl-gcc"),
  openssl: program("openssl", { args: ["version"] }),
  curl: program("curl"),
  git: program("git"),
  sqlite3: program("sqlite3"),
  perl: program("perl"),
  psql: program("psql"),
  ruby: program("ruby"),
  java: program("java", { args: ["-version"] }),
  gosu: program("gosu"),
  rpm: program("rpm"),
  unshare: probeNamespaces,
  root: probeRoot,
  "npm-registry": probeNpmRegistry,
  "debian-mirror": probeDebianMirror,
  "alpine-mirror": probeAlpineMirror,
};

export const TOOLS: readonly Tool[] = Object.keys(PROBES) as Tool[];

/** Whether this machine has a tool. Runs a program at most; the mirrors cost one request each. */
export function probe(tool: Tool): ToolState {
  return PROBES[tool]();
}

function program(name: string, { args = ["--version"], says = "" } = {}): Probe {
  return () => {
    const { error, stdout, stderr } = run(name, args);
    if (error) return missing(notFound(name, error));
    const output = `${stdout}${stderr}`;
    if (!output.includes(says)) return missing(`${name} is not ${says}`);
    const [version] = output.match(/\d+\.\d[\w.+~-]*/) ?? [];
    return version ? { available: true, version } : { available: true };
  };
}

function probeDocker(): ToolState {
  const { error, status, stdout, stderr } = run("docker", ["version", "--format", "{{.Server.Version}}"]);
  if (error) return missing(notFound("docker", error));
  if (status !== 0) return missing(`no engine answers (${lastLine(stderr)})`);
  const context = run("docker", ["context", "inspect", "--format", "{{.Endpoints.docker.Host}}"]);
  const location = process.env["DOCKER_HOST"] || context.stdout.trim();
  return { available: true, version: stdout.trim(), ...(location ? { location } : {}) };
}

/** It wants to be started by its whole path, and answers no question that ends well. */
function probeSshd(): ToolState {
  const { error, stderr } = run("ssh", ["-V"]);
  if (error) return missing(notFound("ssh", error));
  if (!existsSync("/usr/sbin/sshd")) return missing("there is no /usr/sbin/sshd");
  const [version] = stderr.match(/\d+\.\d\w*/) ?? [];
  return version ? { available: true, version } : { available: true };
}

/** `ctr` needs a containerd; the one of a Docker daemon will do, and lies below the folder of its socket or in /run. */
function probeContainerd(): ToolState {
  const { CONTAINERD_ADDRESS: configured, DOCKER_HOST: docker = "" } = process.env;
  const beside = docker.startsWith("unix://")
    ? [join(dirname(docker.slice("unix://".length)), "exec/containerd/containerd.sock")]
    : [];
  const sockets = configured ? [configured] : [...beside, ...CONTAINERD_SOCKETS].filter((path) => existsSync(path));
  let reason = "no containerd socket found";
  for (const location of sockets) {
    const { error, status, stdout, stderr } = run("ctr", ["--address", location, "--connect-timeout", "5s", "version"]);
    if (error) return missing(notFound("ctr", error));
    const [, version] = stdout.match(/Server:\s+Version:\s+(\S+)/) ?? [];
    if (status === 0 && version) return { available: true, version, location };
    reason = `${location}: ${lastLine(stderr)}`;
  }
  return missing(reason);
}

/** Private mounts and processes; whoever is not root also needs a user namespace of their own. */
function probeNamespaces(): ToolState {
  const own = isRoot() ? [] : ["--user", "--map-root-user"];
  const { error, status, stderr } = run("unshare", [...own, "--mount", "--pid", "--fork", "--kill-child", "true"]);
  if (error) return missing(notFound("unshare", error));
  return status === 0 ? { available: true } : missing(lastLine(stderr));
}

function probeRoot(): ToolState {
  return isRoot() ? { available: true } : missing("not running as root");
}

/** What npm has in its cache counts: nothing else is asked of the registry. */
function probeNpmRegistry(): ToolState {
  const { error, status, stderr } = run("npm", ["view", "node", "name", "--prefer-offline"]);
  if (error) return missing(notFound("npm", error));
  return status === 0 ? { available: true } : missing(`npm's registry does not answer (${lastLine(stderr)})`);
}

function probeDebianMirror(): ToolState {
  const candidates = [...debianArchives(), DEBIAN];
  const location = firstReachable(candidates, { file: "dists/stable/Release", containing: "Label: Debian\n" });
  return location
    ? { available: true, location }
    : missing("no Debian archive answers, neither apt's nor the public one");
}

function probeAlpineMirror(): ToolState {
  const configured = process.env["BASE_KIT_TEST_ALPINE_MIRROR"];
  if (configured) {
    if (/^(https?|file):/.test(configured)) return { available: true, location: configured };
    if (existsSync(configured)) return { available: true, location: resolve(configured) };
    return missing(`BASE_KIT_TEST_ALPINE_MIRROR names ${configured}, which does not exist`);
  }
  const location = firstReachable([ALPINE], { file: "latest-stable/releases/x86_64/latest-releases.yaml" });
  return location
    ? { available: true, location }
    : missing("Alpine's mirror does not answer; BASE_KIT_TEST_ALPINE_MIRROR may name another");
}

function run(
  name: string,
  args: readonly string[],
): { error?: Error; status: number | null; stdout: string; stderr: string } {
  return spawnSync(name, args, { encoding: "utf8", timeout: 60_000, stdio: ["ignore", "pipe", "pipe"] });
}

function missing(reason: string): Unavailable {
  return { available: false, reason };
}

function notFound(name: string, error: Error): string {
  return (error as NodeJS.ErrnoException).code === "ENOENT" ? `${name} is not installed` : error.message;
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1) ?? "";
}

function isRoot(): boolean {
  return process.getuid?.() === 0;
}
