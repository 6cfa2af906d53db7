import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

export interface ReleaseFields {
  readonly suite?: string;
  readonly codename?: string;
  /** Seconds from now. */
  readonly date?: number;
  readonly validUntil?: number;
  readonly architectures?: string;
  readonly components?: string;
}

/** The Release of a suite whose package list is empty: enough for all that happens before debootstrap starts. */
export function releaseText(fields: ReleaseFields = {}): string {
  const { suite = "oldstable", codename = "bookworm", date = 0, validUntil } = fields;
  const utc = (offset: number) => new Date(Date.now() + offset * 1000).toUTCString().replace("GMT", "UTC");
  return [
    "Origin: Debian",
    `Suite: ${suite}`,
    `Codename: ${codename}`,
    `Date: ${utc(date)}`,
    ...(validUntil === undefined ? [] : [`Valid-Until: ${utc(validUntil)}`]),
    `Architectures: ${fields.architectures ?? "amd64 arm64 i386"}`,
    `Components: ${fields.components ?? "main"}`,
    "SHA256:",
    ...["amd64", "arm64", "i386"].map((each) => ` ${sha256("")} 0 main/binary-${each}/Packages`),
    "",
  ].join("\n");
}

export function writeMirror(dir: string, files: Readonly<Record<string, string>>): string {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    writeFileSync(join(dir, path), content);
  }
  return dir;
}

/** A program called debootstrap that leaves a trace when it is asked for more than its version. */
export function writeFakeDebootstrap(dir: string): { readonly path: string; readonly trace: string } {
  const trace = join(dir, "debootstrap-ran");
  const script = `#!/bin/sh\nif [ "$*" = --version ]; then echo "debootstrap 1.0"; else echo "$@" >>${trace}; exit 1; fi\n`;
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, "debootstrap"), script);
  chmodSync(join(dir, "debootstrap"), 0o755);
  return { path: `${dir}:${process.env["PATH"]}`, trace };
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
