/** For every program that is compiled. Tests and tools switch a few of these off with `noEmitOptions`. */
export const compilerOptions = {
  composite: true,
  target: "ES2023",
  lib: ["ES2023"],
  module: "NodeNext",
  moduleResolution: "NodeNext",
  customConditions: ["@base-kit/source"],
  types: ["node"],
  strict: true,
  noUncheckedIndexedAccess: true,
  exactOptionalPropertyTypes: true,
  noImplicitOverride: true,
  noPropertyAccessFromIndexSignature: true,
  noFallthroughCasesInSwitch: true,
  isolatedModules: true,
  isolatedDeclarations: true,
  verbatimModuleSyntax: true,
  erasableSyntaxOnly: true,
  rewriteRelativeImportExtensions: true,
  declaration: true,
  declarationMap: true,
  sourceMap: true,
  skipLibCheck: true,
  noEmitOnError: true,
};

/** For programs that are only checked: they may import `../src/x.ts` across project borders (TS2878 otherwise). */
export const noEmitOptions = {
  composite: false,
  incremental: true,
  noEmit: true,
  declaration: false,
  declarationMap: false,
  isolatedDeclarations: false,
  allowImportingTsExtensions: true,
  rewriteRelativeImportExtensions: false,
};
