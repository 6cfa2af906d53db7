export { type AptSource, parseDeb822Sources, parseOneLineSources, readAptSources } from "./apt-sources.ts";
export { type DebianMachine, debianMachine } from "./architecture.ts";
export { COMPONENT, type Grammar, PACKAGE, SUITE } from "./grammar.ts";
export {
  type HostArchive,
  type HostArchiveRequest,
  hostArchive,
  packagedKeyring,
  publicArchive,
} from "./host-archive.ts";
export { type EmulationOptions, isExecutable } from "./is-executable.ts";
export {
  type FetchedRelease,
  fetchRelease,
  type ReleaseFile,
  requireKeyring,
  type SuitePlace,
} from "./release-files.ts";
