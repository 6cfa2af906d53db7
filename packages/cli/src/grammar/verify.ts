import type { Command } from "commander";
import type { VerifyFlags } from "../commands/verify.ts";
import type { CommonOptions } from "../session.ts";
import { type Run, session } from "./answer.ts";
import { common, SOURCES, sourceOptions, VENDOR } from "./option-groups.ts";

export function addVerify(program: Command, run: Run): void {
  const verifyCommand = program
    .command("verify [image]")
    .summary("make a locked image again and compare")
    .description(
      `Makes the image of a lock again, with the settings that the lock records, and compares it with an image or with the digest in the lock. Exit code: 0 the same, 3 different.\n${SOURCES}`,
    )
    .option("--lockfile <file>", "the lock (default: base-kit.lock)")
    .option("--vendor <directory>", VENDOR);
  common(sourceOptions(verifyCommand))
    .addHelpText("after", EXAMPLES)
    .action((name: string | undefined, options: VerifyFlags & CommonOptions) =>
      run(async () => {
        const { verify } = await import("../commands/verify.ts");
        const answer = await session(
          options,
          (context) => verify(name, options, context),
          async (result) => (await import("../render/verified.ts")).renderVerified(result),
        );
        return { ...answer, exitCode: answer.value.same ? 0 : NOT_VERIFIED };
      }, options),
    );
}

/** As for every verification that fails. */
const NOT_VERIFIED = 3;

const EXAMPLES = `
Examples:
  base-kit build alpine:3.20 --lockfile -o oci:images:3.20 && base-kit verify
  base-kit verify docker-daemon:demo/alpine
  base-kit verify oci:images:3.20 --lockfile alpine.lock`;
