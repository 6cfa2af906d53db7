import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Project, ProjenrcFile, TextFile } from "projen";
import { biome } from "./biome.ts";
import { json } from "./files.ts";
import { nx, release } from "./nx.ts";
import { WorkspacePackage, type WorkspacePackageOptions } from "./package.ts";
import { compilerOptions, noEmitOptions } from "./typescript.ts";
import { ranges } from "./versions.ts";

export interface WorkspaceOptions {
  readonly name: string;
  /** Where the files are written. @default the current folder */
  readonly outdir?: string;
}

/** Tells projen which file to name in the marker of generated files. */
class Projenrc extends ProjenrcFile {
  readonly filePath = ".projenrc.ts";
}

/** The repository root: npm workspaces, Nx, the shared TypeScript settings and the list of packages. */
export class Workspace extends Project {
  readonly packages: WorkspacePackage[] = [];
  private readonly version: string;

  constructor(options: WorkspaceOptions) {
    super({ name: `@${options.name}/workspace`, ...(options.outdir ? { outdir: options.outdir } : {}) });
    this.version = releasedVersion(this.outdir);

    // Nx runs the tasks; projen keeps only the one that synthesizes.
    for (const name of ["build", "pre-compile", "compile", "post-compile", "test", "package", "eject"]) {
      this.removeTask(name);
    }
    new Projenrc(this);
    this.defaultTask?.reset("node --import tsx .projenrc.ts");

    this.gitignore.exclude(
      "dist/",
      "packages/*/bundle/",
      "packages/*/code-cache/",
      "coverage/",
      ".nx/",
      "*.tsbuildinfo",
      "*.tgz",
      ".ready.lock*",
    );
    this.gitattributes.addAttributes("package-lock.json", "linguist-generated");
    for (const binary of ["*.apk", "*.deb", "*.gpg", "*.gz", "*.tar", "*.xz", "*.zst"]) {
      this.gitattributes.addAttributes(binary, "-text");
    }
  }

  addPackage(options: Omit<WorkspacePackageOptions, "version">): WorkspacePackage {
    const added = new WorkspacePackage(this, { version: this.version, ...options });
    this.packages.push(added);
    return added;
  }

  override preSynthesize(): void {
    json(this, "package.json", this.manifest(), { readonly: false });
    json(this, "nx.json", { ...nx, release });
    json(this, "biome.jsonc", biome);
    json(this, "tsconfig.base.json", { compilerOptions });
    json(this, "tsconfig.json", {
      files: [],
      references: [...this.packages.map((p) => ({ path: p.root })), { path: "tools" }],
    });
    json(this, "tools/project.json", {
      $schema: "../node_modules/nx/schemas/project-schema.json",
      name: "tools",
      sourceRoot: "tools",
      targets: { typecheck: { command: "tsc -b tsconfig.json", dependsOn: [] }, lint: {} },
    });
    json(this, "tools/tsconfig.json", {
      extends: "../tsconfig.base.json",
      compilerOptions: {
        ...noEmitOptions,
        allowJs: true,
        rootDir: "..",
        tsBuildInfoFile: "../node_modules/.cache/tsc/tools.tsbuildinfo",
      },
      include: ["../.projenrc.ts", "../vitest.config.ts", "**/*.ts"],
    });
    new TextFile(this, ".npmrc", {
      // No dependency needs its install script; with none run, none can do harm and nothing is compiled.
      lines: [
        "ignore-scripts=true",
        "fund=false",
        "audit=false",
        "update-notifier=false",
        "omit-lockfile-registry-resolved=true",
        "",
      ],
      editGitignore: false,
    });
    super.preSynthesize();
  }

  private manifest(): object {
    return {
      name: this.name,
      version: "0.0.0",
      private: true,
      type: "module",
      license: "Apache-2.0",
      engines: { node: ">=20.19.0" },
      workspaces: ["packages/*"],
      // npx looks here first, so that `npx base-kit` works in a clone that has no node_modules yet.
      bin: { "base-kit": "tools/base-kit.mjs" },
      scripts: {
        start: "node tools/base-kit.mjs",
        test: "node tools/test.mjs",
        "test:unit": "node tools/test.mjs --unit",
        bench: "node tools/ready.mjs && node tools/bench/run.mjs",
        build: "node tools/ready.mjs && nx run-many -t build bundle",
        check: "node tools/ready.mjs && nx run-many -t build bundle typecheck lint publint && knip",
        lint: "biome check --error-on-warnings .",
        format: "biome check --write .",
        synth: "projen",
      },
      devDependencies: ranges([
        "@biomejs/biome",
        "@types/node",
        "@vitest/coverage-v8",
        "constructs",
        "fast-check",
        "knip",
        "nx",
        "projen",
        "publint",
        "rolldown",
        "tsx",
        "typescript",
        "vitest",
      ]),
    };
  }
}

/** `nx release` writes the version into the manifests; synthesizing again must not take it back. */
function releasedVersion(root: string): string {
  try {
    return (JSON.parse(readFileSync(join(root, "packages/core/package.json"), "utf8")) as { version: string }).version;
  } catch {
    return "0.1.0";
  }
}
