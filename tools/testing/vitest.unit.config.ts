import config from "../../vitest.config.ts";

const { projects: _, ...test } = config.test ?? {};

// One project of all packages: with one for each, every package starts threads of its own, and each of these loads what all use.
export default {
  ...config,
  test: { ...test, include: ["packages/*/test/**/*.test.ts", "tools/test/**/*.test.ts"] },
};
