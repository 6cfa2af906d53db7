import { relative } from "node:path";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** The files that take longest, in that order: one of them that begins last is what all the others are waited for. */
export const LONGEST: readonly string[] = [
  "packages/cli/test/debootstrap.system.test.ts",
  "packages/producer-debian/test/debootstrap-equality.system.test.ts",
  "packages/cli/test/killed.system.test.ts",
  "packages/producer-debian/test/choice.system.test.ts",
  "packages/scratch/test/real-programs.system.test.ts",
  "packages/importer/test/engines.system.test.ts",
  "packages/producer-debootstrap/test/interrupted.system.test.ts",
  "packages/cli/test/lock.system.test.ts",
  "packages/producer-debootstrap/test/contract.system.test.ts",
  "packages/cli/test/debian.system.test.ts",
  "packages/cli/test/scratch.system.test.ts",
  "packages/sandbox/test/sandbox.system.test.ts",
  "packages/cli/test/faults.system.test.ts",
  "packages/cli/test/ubuntu.system.test.ts",
  "packages/sandbox/test/plain-chroot.system.test.ts",
  "packages/cli/test/existing-image.system.test.ts",
  "packages/store/test/decompress-buffer.system.test.ts",
];

/** Vitest goes package by package, and knows how long a file takes only where it has run before. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const place = LONGEST.indexOf(relative(this.ctx.config.root, moduleId));
      return place < 0 ? LONGEST.length : place;
    };
    return (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b));
  }
}
