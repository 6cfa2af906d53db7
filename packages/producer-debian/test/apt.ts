import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface AptOptions {
  /** Lines of sources.list(5). */
  readonly sources: readonly string[];
  readonly architecture?: string;
}

/** The real apt with an own state and an empty system: it only says what it would install. */
export interface Apt extends Disposable {
  /** The packages, sorted, or what apt says when it cannot. */
  install(names: readonly string[]): readonly string[] | { readonly refused: string };
}

export function createApt({ sources, architecture = "amd64" }: AptOptions): Apt {
  const root = mkdtempSync(join(tmpdir(), "base-kit-apt-"));
  for (const path of ["lists/partial", "cache/archives/partial", "parts"])
    mkdirSync(join(root, path), { recursive: true });
  writeFileSync(join(root, "status"), "");
  writeFileSync(join(root, "sources.list"), `${sources.join("\n")}\n`);
  const settings = {
    "APT::Architecture": architecture,
    "APT::Architectures": architecture,
    "APT::Sandbox::User": "root",
    "APT::Install-Recommends": "false",
    "Acquire::Languages": "none",
    // Without it apt adds itself to everything.
    "pkgCacheGen::ForceEssential": ",",
    "Dir::State": root,
    "Dir::State::lists": join(root, "lists"),
    "Dir::State::status": join(root, "status"),
    "Dir::Cache": join(root, "cache"),
    "Dir::Etc::sourcelist": join(root, "sources.list"),
    "Dir::Etc::sourceparts": join(root, "parts"),
    "Dir::Etc::preferencesparts": join(root, "parts"),
    "Dir::Etc::preferences": join(root, "none"),
  };
  const options = Object.entries(settings).flatMap(([name, value]) => ["-o", `${name}=${value}`]);
  const env = { PATH: process.env["PATH"], LC_ALL: "C", APT_CONFIG: "/dev/null" };
  execFileSync("apt-get", [...options, "update", "--error-on=any"], { env, stdio: ["ignore", "ignore", "inherit"] });
  return {
    install: (names) => {
      const args = [...options, "install", "--simulate", "--yes", ...names];
      const { status, stdout, stderr } = spawnSync("apt-get", args, { env, maxBuffer: 2 ** 26 });
      if (status !== 0) return { refused: `${stdout}${stderr}` };
      return [...stdout.toString().matchAll(/^Inst (\S+)/gm)].map(([, name]) => name ?? "").sort();
    },
    [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }),
  };
}
