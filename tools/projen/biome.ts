/** Lint, format and the border between packages: an import must stand in the importing package's manifest. */
export const biome = {
  $schema: "./node_modules/@biomejs/biome/configuration_schema.json",
  root: true,
  vcs: { enabled: true, clientKind: "git", useIgnoreFile: true },
  // Prose is for people: its tables would be padded to the width of their longest cell.
  files: { includes: ["**", "!**/*.md"] },
  formatter: { indentStyle: "space", indentWidth: 2, lineWidth: 120 },
  // The layout projen writes.
  json: { formatter: { expand: "always" } },
  linter: {
    rules: {
      preset: "recommended",
      // TypeScript's noPropertyAccessFromIndexSignature asks for the opposite.
      complexity: { useLiteralKeys: "off" },
      correctness: { noUndeclaredDependencies: "error" },
      suspicious: { noImportCycles: "error" },
    },
  },
  overrides: [
    {
      // Test tools live in the root manifest.
      includes: ["**/test/**", "tools/**", "*.config.ts", ".projenrc.ts"],
      linter: { rules: { correctness: { noUndeclaredDependencies: "off" } } },
    },
  ],
};
