/** Nx core alone, without plugins, a daemon, a cloud or a cache outside the checkout. */
export const nx = {
  $schema: "./node_modules/nx/schemas/nx-schema.json",
  analytics: false,
  neverConnectToCloud: true,
  useDaemonProcess: false,
  // The default is a folder in the home directory shared by all clones.
  cacheDirectory: ".nx/cache",
  defaultBase: "main",
  namedInputs: {
    sharedGlobals: [
      "{workspaceRoot}/tsconfig.base.json",
      "{workspaceRoot}/package-lock.json",
      { runtime: "node --version" },
    ],
    default: [
      "{projectRoot}/**/*",
      ...["dist", "bundle", "code-cache"].map((made) => `!{projectRoot}/${made}/**/*`),
      "sharedGlobals",
    ],
    production: ["default", "!{projectRoot}/test/**/*", "!{projectRoot}/**/*.md", "!{projectRoot}/tsconfig.test.json"],
  },
  targetDefaults: {
    build: {
      command: "tsc -b tsconfig.lib.json",
      options: { cwd: "{projectRoot}" },
      dependsOn: ["^build"],
      inputs: ["production", "^production"],
      outputs: ["{projectRoot}/dist"],
      cache: true,
    },
    bundle: {
      command: "node ../../tools/bundle/bundle.mjs",
      options: { cwd: "{projectRoot}" },
      dependsOn: ["build"],
      inputs: ["production", "^production", "{workspaceRoot}/tools/bundle/**/*"],
      outputs: ["{projectRoot}/bundle"],
      cache: true,
    },
    typecheck: {
      command: "tsc -b tsconfig.test.json",
      options: { cwd: "{projectRoot}" },
      // `tsc -b` would compile a referenced project that is out of date, and two of them at once would both write it.
      dependsOn: ["build", { projects: ["host", "testing"], target: "build" }],
      inputs: ["default", "^production", { input: "production", projects: ["host", "testing"] }],
      cache: true,
    },
    lint: {
      command: "biome check --error-on-warnings .",
      options: { cwd: "{projectRoot}" },
      inputs: ["default", "{workspaceRoot}/biome.jsonc"],
      cache: true,
    },
    publint: {
      command: "publint --strict",
      options: { cwd: "{projectRoot}" },
      dependsOn: ["build", "bundle"],
      inputs: ["production"],
      cache: true,
    },
  },
};

/** `nx release`: one version for all packages, from conventional commits. */
export const release = {
  projects: ["packages/*"],
  projectsRelationship: "fixed",
  version: {
    conventionalCommits: true,
    preserveMatchingDependencyRanges: false,
    versionActions: "tools/release/version-actions.cjs",
    preVersionCommand: "npx nx run-many -t build bundle typecheck lint publint",
  },
  changelog: { workspaceChangelog: { file: "CHANGELOG.md", createRelease: false }, projectChangelogs: false },
  releaseTag: { pattern: "v{version}" },
};
