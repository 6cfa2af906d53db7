import { readdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { LongestFirst } from "./tools/testing/longest-first.ts";

// Tests run against sources: no package has to be compiled before another one's tests can import it.
const conditions = ["@base-kit/source", "node", "import", "module", "default"];
const folders = ["tools", ...readdirSync("packages").map((name) => `packages/${name}`)];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    // Generous, because machines are slow and busy: a test that hangs fails all the same.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    expect: { poll: { timeout: 60_000 } },
    sequence: { sequencer: LongestFirst },
    // All processors: vitest itself does little.
    maxWorkers: availableParallelism(),
    // A third of a run of the unit tests is compiling; what has not changed since the last run is not compiled again.
    experimental: { fsModuleCache: true },
    setupFiles: [fileURLToPath(new URL("tools/testing/random-cases.mjs", import.meta.url))],
    projects: folders.map((root) => ({
      extends: true,
      root,
      test: { name: root.replace("packages/", ""), include: ["test/**/*.test.ts"] },
    })),
    coverage: { include: ["packages/*/src/**"] },
  },
});
