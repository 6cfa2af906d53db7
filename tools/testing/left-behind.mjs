// What tests have left in the temporary folder, by the names that ours give.
import { readdirSync } from "node:fs";
import { tmpdir } from "node:os";

const OURS = /^(?:base-kit-|bk-|[a-z]+-test-)/;

/** Looks now; the function it gives looks again, and names what has come and stayed. */
export function watchTemporaries(folder = tmpdir()) {
  const before = new Set(readdirSync(folder));
  return () => readdirSync(folder).filter((name) => OURS.test(name) && !before.has(name));
}
