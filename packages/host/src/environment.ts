/**
 * What a child process may see of the caller's environment: where things are, how to reach the network and the engine.
 * Nothing else, so that neither a secret nor a locale gets into a build by accident.
 */
const PASSED_ON: ReadonlySet<string> = new Set([
  "HOME",
  "LOGNAME",
  "PATH",
  "SSH_AUTH_SOCK",
  "SSL_CERT_DIR",
  "SSL_CERT_FILE",
  "TMPDIR",
  "USER",
  "XDG_CONFIG_HOME",
  "XDG_DATA_HOME",
  "XDG_RUNTIME_DIR",
  "all_proxy",
  "ftp_proxy",
  "http_proxy",
  "https_proxy",
  "no_proxy",
  "ALL_PROXY",
  "FTP_PROXY",
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "NO_PROXY",
]);

/** Settings of Docker, podman and the other readers of containers.conf. */
const PASSED_ON_PREFIXES = ["DOCKER_", "CONTAINERS_", "CONTAINER_HOST", "CONTAINER_SSHKEY"] as const;

/** Debian keeps debootstrap in /usr/sbin, which is not in the PATH of ordinary users. */
const ADMINISTRATOR_DIRECTORIES = ["/usr/local/sbin", "/usr/sbin", "/sbin"] as const;

/** The environment of a child process; `added` wins over everything. */
export function childEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  added: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const passed = Object.entries(env).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && isPassedOn(entry[0]),
  );
  return {
    ...Object.fromEntries(passed),
    PATH: searchPath(env["PATH"]),
    LANG: "C",
    LC_ALL: "C",
    ...added,
  };
}

function isPassedOn(name: string): boolean {
  return PASSED_ON.has(name) || PASSED_ON_PREFIXES.some((prefix) => name.startsWith(prefix));
}

function searchPath(path = "/usr/local/bin:/usr/bin:/bin"): string {
  const directories = path.split(":").filter((directory) => directory !== "");
  const missing = ADMINISTRATOR_DIRECTORIES.filter((directory) => !directories.includes(directory));
  return [...directories, ...missing].join(":");
}
