import { readdirSync, readFileSync, statSync } from "node:fs";

/** The version of base-kit that runs. */
export function version(): string {
  const manifest = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  return (JSON.parse(manifest) as { version: string }).version;
}

let known: readonly (string | number)[] | undefined;

/** The program that runs: its version, and of a working copy when each package was compiled, because it changes under one version. */
export function programIdentity(): readonly (string | number)[] {
  known ??= identity();
  return known;
}

function identity(): readonly (string | number)[] {
  const packages = new URL("../../", import.meta.url);
  const compiled = (name: string) =>
    statSync(new URL(`${name}/dist/.tsbuildinfo`, packages), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const isWorkingCopy = compiled("core") > 0;
  return [version(), ...(isWorkingCopy ? readdirSync(packages).map(compiled) : [])];
}
