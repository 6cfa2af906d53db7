import type { ByteString, Context } from "@base-kit/core";
import { printable } from "@base-kit/core";
import type { ScratchReport } from "./report.ts";
import { runtimeOf } from "./runtimes.ts";

/** Where a distribution's slim image, with its package manager and its updates, is the better base. */
const LARGE_FILES = 3000;
const LARGE_SIZE = 200 * 1024 ** 2;

/** Docker's guide's own advice: a runtime is better taken from the Docker Official Image made for it. */
export function warnOfSize({
  report,
  runtimes,
  context,
}: {
  readonly report: ScratchReport;
  readonly runtimes: readonly ByteString[];
  readonly context: Context;
}): void {
  const [runtime] = runtimes.map(runtimeOf).filter((found) => found !== undefined);
  const shells = runtimes.filter((path) => /\/(?:ba|da|z|k)?sh$/.test(path));
  if (shells.length > 0 && report.programs.length > 1) {
    context.reporter.emit({
      type: "noted",
      message: `programs that a script for ${printable(shells[0] ?? "")} starts are not seen by reading it: name those it needs as well`,
    });
  }
  const isLarge = report.files > LARGE_FILES || report.size > LARGE_SIZE;
  if (!isLarge && runtime === undefined) return;
  const image = runtime === undefined ? "debian:stable-slim" : runtime.rule.image(runtime.version);
  const size = `${report.files} files, ${Math.round(report.size / 1e6)} MB`;
  if (isLarge) {
    context.reporter.emit({
      type: "warned",
      code: "SCRATCH_LARGE",
      message: `this is most of a distribution (${size}): the Docker Official Image ${image} has it already, and is kept up to date`,
    });
  } else {
    context.reporter.emit({
      type: "noted",
      message: `${runtime?.rule.name} comes along (${size}); the Docker Official Image for it is ${image}`,
    });
  }
}
