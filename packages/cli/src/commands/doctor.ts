import { type Context, isBaseKitError, printable } from "@base-kit/core";
import type { EngineDescription, EngineFacts } from "@base-kit/importer";
import { printableText } from "../render/format.ts";

export interface DoctorReport {
  readonly engines: readonly EngineReport[];
  /** Where packages' scripts can run, in the order of `--configure auto`. */
  readonly sandboxes: readonly SandboxReport[];
  readonly tools: readonly ToolReport[];
  readonly machine: { readonly node: string; readonly platform: string; readonly root: boolean };
}

interface EngineReport {
  readonly place: string;
  readonly found: boolean;
  readonly detail: string;
}

interface SandboxReport {
  readonly name: string;
  readonly found: boolean;
  /** Why not. */
  readonly detail?: string;
}

interface ToolReport {
  readonly name: string;
  readonly found: boolean;
  readonly version?: string;
  /** What it is for, or would be. */
  readonly enables: string;
}

interface Tool {
  readonly program: string;
  readonly args: readonly string[];
  readonly enables: string;
}

const TOOLS: readonly Tool[] = [
  { program: "tar", args: ["--version"], enables: "import and pack of directories (GNU tar)" },
  { program: "debootstrap", args: ["--version"], enables: "build debootstrap:… (Debian and Ubuntu; needs root)" },
  { program: "gpgv", args: ["--version"], enables: "build debootstrap:… (checks who signed the archive)" },
  {
    program: "unshare",
    args: ["--version"],
    enables: "build debootstrap:… and --configure (keeps mounts and processes apart)",
  },
  {
    program: "docker",
    args: ["--version"],
    enables: "--importer docker-cli, --configure container, engines reached through ssh",
  },
];

/** Looks at every place an engine may be at and every program base-kit can use. Missing ones are facts here, not failures. */
export async function doctor(context: Context): Promise<DoctorReport> {
  const { probePlaces } = await import("@base-kit/importer");
  const { availableBackends } = await import("@base-kit/sandbox");
  const [places, backends] = await Promise.all([probePlaces(context), availableBackends(context)]);
  return {
    engines: places.map(({ source, endpoint, engine, failure }) => ({
      place: endpoint === undefined ? source : `${source}, ${endpoint}`,
      found: engine !== undefined,
      detail: engine === undefined ? (failure?.message ?? "") : describeEngine(engine),
    })),
    sandboxes: backends.map(({ backend, obstacle }) => ({
      name: backend,
      found: obstacle === undefined,
      ...(obstacle === undefined ? {} : { detail: obstacle }),
    })),
    tools: await Promise.all(TOOLS.map((tool) => lookAt(tool, context))),
    machine: { node: process.version, platform: `${process.platform}/${process.arch}`, root: process.getuid?.() === 0 },
  };
}

function describeEngine({ kind, version, apiVersion, architecture, storage }: EngineDescription & EngineFacts): string {
  return `${kind} ${version}, API ${apiVersion}, ${architecture}${storage === undefined ? "" : `, ${storage}`}`;
}

async function lookAt({ program, args, enables }: Tool, context: Context): Promise<ToolReport> {
  try {
    const { stdout, stderr } = await context.exec(program, args, { expectedExitCodes: "any", timeoutMs: 10_000 });
    const [line = ""] = `${stdout.toString()}${stderr}`.trim().split("\n");
    return { name: program, found: true, version: line.replace(/^\S+ (?:\([^)]*\) )?(?:version )?/i, ""), enables };
  } catch (error) {
    if (!isBaseKitError(error)) throw error;
    return { name: program, found: false, enables };
  }
}

export function renderDoctor({ engines, sandboxes, tools, machine }: DoctorReport): string {
  const mark = (found: boolean) => (found ? "found  " : "missing");
  const width = Math.max(...[...tools, ...sandboxes].map(({ name }) => name.length)) + 2;
  return [
    `node ${machine.node} on ${machine.platform}${machine.root ? ", as root" : ""}`,
    "",
    "engines, in the order they are tried",
    ...engines.map(
      ({ place, found, detail }) => `  ${mark(found)}  ${found ? `${place}: ${printableText(detail)}` : detail}`,
    ),
    "",
    "where packages are configured, in the order of --configure auto",
    ...sandboxes.map(
      ({ name, found, detail }) =>
        `  ${found ? "works  " : "refused"}  ${detail === undefined ? name : `${name.padEnd(width)}${printable(detail)}`}`,
    ),
    "",
    "programs",
    ...tools.map(
      ({ name, found, version, enables }) =>
        `  ${mark(found)}  ${name.padEnd(width)}${version === undefined ? "" : `${printableText(version)}; `}for ${enables}`,
    ),
    "",
  ].join("\n");
}
