import { Component, type Project } from "projen";
import { json } from "./files.ts";
import { assertMayDependOn, assertMayTestWith, type Layer } from "./layers.ts";
import { noEmitOptions } from "./typescript.ts";
import { type KnownDependency, ranges } from "./versions.ts";

export interface WorkspacePackageOptions {
  /** Folder below `packages/`. */
  readonly dir: string;
  /** npm name. @default `@base-kit/<dir>` */
  readonly name?: string;
  readonly description: string;
  readonly layer: Layer;
  readonly version: string;
  readonly bin?: Readonly<Record<string, string>>;
  readonly workspaceDeps?: readonly WorkspacePackage[];
  readonly deps?: readonly KnownDependency[];
  readonly devDeps?: readonly KnownDependency[];
  readonly peerDeps?: Readonly<Record<string, string>>;
}

/** One publishable package: its manifest, its two TypeScript projects and its Nx project. */
export class WorkspacePackage extends Component {
  readonly dir: string;
  readonly root: string;
  readonly name: string;
  readonly layer: Layer;
  private readonly options: WorkspacePackageOptions;
  private readonly uses: readonly WorkspacePackage[];
  private readonly testUses: WorkspacePackage[] = [];

  constructor(project: Project, options: WorkspacePackageOptions) {
    super(project, `package:${options.dir}`);
    this.options = options;
    this.dir = options.dir;
    this.root = `packages/${options.dir}`;
    this.name = options.name ?? `@base-kit/${options.dir}`;
    this.layer = options.layer;
    this.uses = options.workspaceDeps ?? [];
    for (const other of this.uses) assertMayDependOn(this, other);
  }

  /** Lets the tests of this package, and only them, import another package. */
  testWith(...others: readonly WorkspacePackage[]): void {
    for (const other of others) assertMayTestWith(this, other);
    this.testUses.push(...others);
  }

  override preSynthesize(): void {
    // npm and `nx release` write the manifest too.
    json(this.project, `${this.root}/package.json`, this.manifest(), { readonly: false });
    // Node starts CommonJS sooner, and can be given compiled code for it.
    if (this.options.bin) json(this.project, `${this.root}/bin/package.json`, { type: "commonjs" });
    json(this.project, `${this.root}/project.json`, {
      $schema: "../../node_modules/nx/schemas/project-schema.json",
      name: this.dir,
      sourceRoot: `${this.root}/src`,
      projectType: this.options.bin ? "application" : "library",
      tags: [`layer:${this.layer}`],
      // What only tests use must not order the builds: the test kit is built on packages that are tested with it.
      implicitDependencies: this.testUses.map(({ dir }) => `!${dir}`),
      targets: { build: {}, ...(this.options.bin ? { bundle: {} } : {}), typecheck: {}, lint: {}, publint: {} },
    });
    json(this.project, `${this.root}/tsconfig.json`, {
      files: [],
      references: [{ path: "./tsconfig.lib.json" }, { path: "./tsconfig.test.json" }],
    });
    json(this.project, `${this.root}/tsconfig.lib.json`, {
      extends: "../../tsconfig.base.json",
      compilerOptions: { rootDir: "src", outDir: "dist", tsBuildInfoFile: "dist/.tsbuildinfo" },
      include: ["src"],
      references: libraries(this.uses),
    });
    json(this.project, `${this.root}/tsconfig.test.json`, {
      extends: "../../tsconfig.base.json",
      compilerOptions: {
        ...noEmitOptions,
        rootDir: ".",
        tsBuildInfoFile: `../../node_modules/.cache/tsc/${this.dir}.tsbuildinfo`,
      },
      include: ["test"],
      references: [{ path: "./tsconfig.lib.json" }, ...libraries([...this.uses, ...this.testUses])],
    });
  }

  private manifest(): object {
    const { bin, deps, description, devDeps, peerDeps, version } = this.options;
    const versions = (packages: readonly WorkspacePackage[]) =>
      Object.fromEntries(packages.map(({ name }) => [name, `^${version}`]));
    const devDependencies = { ...versions(this.testUses), ...ranges(devDeps ?? []) };
    return {
      name: this.name,
      version,
      description,
      license: "Apache-2.0",
      type: "module",
      engines: { node: ">=20.19.0" },
      ...(bin ? { bin } : {}),
      exports: {
        ".": {
          "@base-kit/source": "./src/index.ts",
          types: "./dist/index.d.ts",
          default: "./dist/index.js",
        },
        "./package.json": "./package.json",
      },
      // Sources are shipped because source maps and the source condition point at them.
      files: [...(bin ? ["bin", "bundle"] : []), "dist", "src", "!**/*.tsbuildinfo"],
      sideEffects: false,
      dependencies: { ...versions(this.uses), ...ranges(deps ?? []) },
      ...(peerDeps ? { peerDependencies: peerDeps } : {}),
      ...(Object.keys(devDependencies).length > 0 ? { devDependencies } : {}),
      publishConfig: { access: "public" },
    };
  }
}

function libraries(packages: readonly WorkspacePackage[]): readonly object[] {
  return packages.map(({ dir }) => ({ path: `../${dir}/tsconfig.lib.json` }));
}
