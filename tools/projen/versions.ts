/**
 * The one place where third-party versions are chosen. A range a package asks for by name is looked up here, so two
 * packages can never ask for different versions of the same library. All of them run on Node 20.
 */
export const VERSIONS = {
  "@biomejs/biome": "2.6.8",
  "@cyclonedx/cyclonedx-library": "^10.3.0",
  "@types/dockerode": "^4.0.2",
  "@types/node": "^20.19.0",
  "@types/tar-stream": "^3.1.5",
  "@vitest/coverage-v8": "4.1.12",
  ajv: "^8.17.1",
  "ajv-formats": "^3.0.1",
  commander: "^14.0.3",
  constructs: "^10.5.0",
  dockerode: "^5.0.1",
  execa: "^9.6.1",
  "fast-check": "^4.10.2",
  knip: "6.44.2",
  nx: "24.0.6",
  projen: "0.103.25",
  publint: "0.3.25",
  rolldown: "~1.2.18",
  "spdx-license-ids": "^3.0.24",
  "tar-stream": "^3.2.2",
  tsx: "^4.20.0",
  typescript: "7.0.2",
  undici: "^7.30.2",
  vitest: "4.1.12",
  "xz-decompress": "^0.2.3",
  yaml: "^2.9.1",
  zod: "^4.6.7",
  zstddec: "^0.3.4",
} as const;

export type KnownDependency = keyof typeof VERSIONS;

/** `{name: range}` for a list of names, in alphabetical order. */
export function ranges(names: readonly KnownDependency[]): Record<string, string> {
  return Object.fromEntries([...names].sort().map((name) => [name, VERSIONS[name]]));
}
