import {
  BaseKitError,
  type ByteString,
  type Context,
  type Entry,
  type Rootfs,
  type Segment,
  textFromBytes,
} from "@base-kit/core";
import { addEntries, directoryEntry, fileEntry, mergedEntries, removePaths } from "@base-kit/rootfs";
import { type Changes, runOnce } from "@base-kit/sandbox";
import type { ConfigureMode } from "../options.ts";
import type { ThereDatabase } from "./install.ts";
import { type EmulationOptions, isExecutable } from "./is-executable.ts";
import type { LaidOut, NewPackage } from "./lay-out.ts";
import { applyKnown } from "./native/apply-known.ts";
import { matchesTrigger } from "./trigger-pattern.ts";

export interface ConfigureJob {
  readonly mode: ConfigureMode;
  /** Alpine's name. */
  readonly architecture: string;
  readonly added: readonly NewPackage[];
  readonly laid: LaidOut;
  /** What was installed before. */
  readonly kept: ThereDatabase;
  /** Seconds since 1970. */
  readonly epoch: number;
  readonly keepFailed?: string | undefined;
  readonly emulation?: EmulationOptions;
}

interface Run {
  /** Name of the file below {@link FOLDER}. */
  readonly file: string;
  readonly content: Buffer;
  readonly args: readonly string[];
}

/** Where apk puts the scripts it runs. */
const FOLDER = "lib/apk/exec";

/**
 * Runs what apk would have run: before and after each package its scripts, and in the end the triggers for the folders in which something
 * was put. They run when all files are there; apk's own order differs only in that.
 *
 * Of a machine whose programs cannot run here nothing is run with `auto`, also where a result was kept: what comes out must not depend
 * on the cache. What is known of scripts is applied all the same.
 *
 * @throws BaseKitError `SANDBOX_…`, `ARCHITECTURE_FOREIGN` (unsupported)
 */
export async function configureChanges(
  { segments }: { readonly segments: readonly Segment[] },
  job: ConfigureJob,
  context: Context,
): Promise<Changes> {
  const runs = [...packageRuns(job.added), ...triggerRuns(job)];
  if (runs.length === 0) return NONE;
  const reason = job.mode === "none" ? "" : await obstacle(job);
  if (job.mode === "none" || reason !== "") {
    const { changes, skipped } = await applyKnown({ segments, epoch: job.epoch }, runs);
    tellWithoutRunning({ applied: runs.length - skipped.length, skipped, reason }, context);
    return changes;
  }
  const entries = mergedEntries({ segments });
  const isFolderThere = entries.some(({ path }) => path === FOLDER);
  const changes = await runOnce(
    { segments },
    {
      purpose: "alpine-configured",
      title: "configuring the packages",
      mode: job.mode,
      script: [
        "set -e",
        "umask 022",
        "cd /",
        ...runs.map(command),
        `rm -rf /${FOLDER}${isFolderThere ? "/*" : ""}`,
      ].join("\n"),
      env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", HOME: "/root", SOURCE_DATE_EPOCH: String(job.epoch), TZ: "UTC" },
      epoch: job.epoch,
      entries,
      keepFailed: job.keepFailed,
      helpers: [
        ...(isFolderThere ? [] : [directoryEntry(FOLDER, { mode: 0o700 })]),
        ...runs.map(({ file, content }) => fileEntry(`${FOLDER}/${file}`, content, { mode: 0o755 })),
      ],
    },
    context,
  );
  return withDaysUntil(job.epoch, changes);
}

/** Why nothing is run although nobody forbade it; empty when there is no reason. */
async function obstacle({ mode, architecture, emulation }: ConfigureJob): Promise<string> {
  if (await isExecutable(architecture, emulation)) return "";
  const reason = `this machine cannot run programs for ${architecture}`;
  if (mode === "auto") return reason;
  throw new BaseKitError("ARCHITECTURE_FOREIGN", `the packages' scripts cannot run by --configure ${mode}: ${reason}`, {
    kind: "unsupported",
    hint: "Install an emulator (apt-get install qemu-user-static binfmt-support), build on such a machine, or leave out --configure: what is known of scripts is then applied without running them. Nothing was written.",
  });
}

const SECONDS_PER_DAY = 86_400;

/** A new account has the day on which it was made, and the same lock would give another image each day. */
async function withDaysUntil(epoch: number, changes: Changes): Promise<Changes> {
  const last = Math.floor(epoch / SECONDS_PER_DAY);
  const entries = changes.entries.map(async (entry): Promise<Entry> => {
    if (entry.type !== "file" || !/^etc\/shadow-?$/.test(entry.path)) return entry;
    const parts: Uint8Array[] = [];
    for await (const part of entry.content()) parts.push(part);
    const lines = Buffer.concat(parts).toString("latin1").split("\n");
    const text = lines.map((line) => {
      const fields = line.split(":");
      return Number(fields[2]) > last ? fields.with(2, String(last)).join(":") : line;
    });
    const bytes = Buffer.from(text.join("\n"), "latin1");
    return { ...entry, size: bytes.length, content: () => [bytes] };
  });
  return { ...changes, entries: await Promise.all(entries) };
}

const NONE: Changes = { entries: [], removed: [] };

/** The segments as the scripts have left them. */
export function withChanges(segments: readonly Segment[], { entries, removed }: Changes): readonly Segment[] {
  const rootfs = { segments } as Rootfs;
  const paths = removed.map((path) => Buffer.from(path, "latin1").toString("utf8"));
  const without = paths.length === 0 ? rootfs : removePaths(paths)(rootfs);
  return entries.length === 0 ? without.segments : addEntries(entries, "configure")(without).segments;
}

function packageRuns(added: readonly NewPackage[]): readonly Run[] {
  return added.flatMap(({ contents: { info, scripts } }) =>
    ["pre-install", "post-install"]
      .filter((kind) => scripts[kind] !== undefined)
      .map((kind) => ({
        file: `${info.name}-${info.version}.${kind}`,
        content: Buffer.from(scripts[kind] as string, "base64"),
        args: [info.version],
      })),
  );
}

/** A new package's trigger sees all folders there are, another one those in which something was put. */
function triggerRuns({ added, laid, kept }: ConfigureJob): readonly Run[] {
  const touched = new Set<string>();
  for (const entries of laid.files.values()) {
    for (const { path } of entries) touched.add(`/${path.slice(0, Math.max(0, path.lastIndexOf("/")))}`);
  }
  for (const { path } of laid.folders) touched.add(`/${path}`);
  const every = new Set(touched);
  for (const { files } of kept.stanzas) {
    for (const path of files) every.add(`/${path.slice(0, Math.max(0, path.lastIndexOf("/")))}`);
  }
  const matching = (folders: ReadonlySet<string>, patterns: readonly string[]) =>
    [...folders]
      .filter((path) => patterns.some((pattern) => matchesTrigger(pattern, path)))
      .sort()
      .map((path) => textFromBytes(path as ByteString));
  const old = kept.triggers.flatMap((line) => {
    const [checksum = "", ...patterns] = line.trim().split(" ");
    const script = kept.scripts.find(({ name }) => name.endsWith(`.${checksum}.trigger`));
    return script === undefined
      ? []
      : [{ file: script.name.replace(`.${checksum}`, ""), content: script.content, args: matching(touched, patterns) }];
  });
  const fresh = added.flatMap(({ contents: { info, scripts } }) =>
    scripts["trigger"] === undefined
      ? []
      : [
          {
            file: `${info.name}-${info.version}.trigger`,
            content: Buffer.from(scripts["trigger"], "base64"),
            args: matching(every, info.triggers),
          },
        ],
  );
  return [...old, ...fresh].filter(({ args }) => args.length > 0);
}

function command({ file, args }: Run): string {
  return [`/${FOLDER}/${file}`, ...args].map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
}

interface WithoutRunning {
  readonly applied: number;
  readonly skipped: readonly string[];
  readonly reason: string;
}

function tellWithoutRunning({ applied, skipped, reason }: WithoutRunning, { reporter }: Context): void {
  const because = reason === "" ? "" : `${reason}: `;
  if (applied > 0)
    reporter.emit({
      type: "noted",
      message: `${because}applied without running them: ${applied} ${applied === 1 ? "script" : "scripts"} of packages`,
    });
  if (skipped.length === 0) return;
  reporter.emit({
    type: "warned",
    code: "NOT_CONFIGURED",
    message: `${because}the packages are unpacked and not configured; these scripts did not run: ${skipped.join(", ")}. \`apk fix\` in a container runs them`,
  });
}
