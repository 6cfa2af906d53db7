import { type BaseKitError, type Context, type Image, isBaseKitError, printable, step } from "@base-kit/core";
import { type CheckResult, checkByRunning, missedInWords } from "@base-kit/scratch";
import type { DestinationFlags } from "./destinations.ts";

type Checked = Parameters<typeof checkByRunning>[0];
type EngineFlags = Pick<DestinationFlags, "importer" | "dockerHost" | "dockerContext">;

interface Within {
  readonly flags: EngineFlags;
  readonly context: Context;
}

/** `--check`: starts the image once where it can be watched; where that is not possible, in an engine. Tells what was seen. */
export async function checkImage(image: Image, checked: Checked, within: Within): Promise<void> {
  const { context } = within;
  try {
    tell(await checkByRunning(checked, context), { checked, context });
  } catch (error) {
    if (!isBaseKitError(error) || error.code !== "SCRATCH_CHECK") throw error;
    tell(await checkInEngine(image, checked, { ...within, unwatched: error }), { checked, context });
  }
}

async function checkInEngine(
  image: Image,
  { entries, root, seconds }: Checked,
  { flags, context, unwatched }: Within & { readonly unwatched: BaseKitError },
): Promise<CheckResult & { readonly refused?: string }> {
  const { findEngine, runImageOnce } = await import("@base-kit/importer");
  const { importer = "auto", dockerHost, dockerContext } = flags;
  const asked = {
    importer,
    ...(dockerHost === undefined ? {} : { host: dockerHost }),
    ...(dockerContext === undefined ? {} : { context: dockerContext }),
  };
  const engine = await findEngine(asked, context).catch((error: unknown) => {
    throw isBaseKitError(error) && error.code === "ENGINE_NOT_FOUND" ? unwatched : error;
  });
  const message = `${unwatched.message}; it is started in ${engine.kind}, where only what it says itself tells what it missed`;
  context.reporter.emit({ type: "noted", message });
  return await step(context, `starting it once in ${engine.kind}`, async ({ detail }) => {
    const { exitCode, refused, output } = await runImageOnce(engine, image, { seconds, context });
    const missing = missedInWords(output, { entries, ...(root === undefined ? {} : { root }) });
    detail(refused === undefined ? "in a container, which is removed" : "it could not be started");
    return {
      missing,
      stderr: output,
      ...(exitCode === undefined ? {} : { exitCode }),
      ...(refused === undefined ? {} : { refused }),
    };
  });
}

function tell(
  { exitCode, refused, missing, stderr }: CheckResult & { readonly refused?: string },
  { checked: { root }, context: { reporter } }: { readonly checked: Checked; readonly context: Context },
): void {
  const where = root === undefined || root.name === "" ? "this machine" : printable(root.name);
  for (const path of missing) {
    reporter.emit({
      type: "warned",
      code: "SCRATCH_CHECK_MISSING",
      message: `the program looked for ${path}, which ${where} has and the image has not: --with ${path} takes it along`,
    });
  }
  const failed = (message: string) => reporter.emit({ type: "warned", code: "SCRATCH_CHECK_FAILED", message });
  const last = stderr.trim().split("\n").at(-1) ?? "";
  const words = last === "" ? "" : `: ${printable(last)}`;
  if (refused !== undefined) failed(`the program could not be started: ${refused}`);
  else if (exitCode === undefined)
    reporter.emit({ type: "noted", message: "the program was still running when the time was over" });
  else if (exitCode === 0) reporter.emit({ type: "noted", message: "the program ended with exit code 0" });
  else failed(`the program ended with exit code ${exitCode}${words}`);
}
