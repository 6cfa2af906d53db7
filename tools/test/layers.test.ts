import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Workspace } from "../projen/index.ts";
import { LAYERS, type Layer } from "../projen/layers.ts";

let outdir: string;

beforeEach(() => {
  outdir = mkdtempSync(join(tmpdir(), "base-kit-layers-"));
});

afterEach(() => {
  rmSync(outdir, { recursive: true, force: true });
});

/** Describes two packages, the first of which depends on the second, and writes them. */
function synthesize(from: [dir: string, layer: Layer], to: [dir: string, layer: Layer]): void {
  const workspace = new Workspace({ name: "base-kit", outdir });
  const used = workspace.addPackage({ dir: to[0], layer: to[1], description: "used" });
  workspace.addPackage({ dir: from[0], layer: from[1], description: "user", workspaceDeps: [used] });
  workspace.synth();
}

function manifest(dir: string): { dependencies: object; devDependencies?: object } {
  return JSON.parse(readFileSync(join(outdir, "packages", dir, "package.json"), "utf8"));
}

describe("a dependency on a lower row", () => {
  it.each<[[string, Layer], [string, Layer]]>([
    [
      ["tar", "foundation"],
      ["core", "contract"],
    ],
    [
      ["rootfs", "tree"],
      ["tar", "foundation"],
    ],
    [
      ["oci", "image"],
      ["rootfs", "tree"],
    ],
    [
      ["producer-alpine", "producer"],
      ["rootfs", "tree"],
    ],
    [
      ["importer", "sink"],
      ["oci", "image"],
    ],
    [
      ["cli", "app"],
      ["producer-alpine", "producer"],
    ],
    [
      ["cli", "app"],
      ["importer", "sink"],
    ],
  ])("%s -> %s is synthesized", (from, to) => {
    synthesize(from, to);
    expect(manifest(from[0]).dependencies).toEqual({ [`@base-kit/${to[0]}`]: "^0.1.0" });
  });
});

describe("a dependency on a neighbour or a higher row", () => {
  it.each<[[string, Layer], [string, Layer]]>([
    [
      ["core", "contract"],
      ["tar", "foundation"],
    ],
    [
      ["tar", "foundation"],
      ["rootfs", "tree"],
    ],
    [
      ["tar", "foundation"],
      ["store", "foundation"],
    ],
    [
      ["rootfs", "tree"],
      ["oci", "image"],
    ],
    [
      ["producer-alpine", "producer"],
      ["producer-debootstrap", "producer"],
    ],
    [
      ["producer-alpine", "producer"],
      ["oci", "image"],
    ],
    [
      ["oci", "image"],
      ["producer-alpine", "producer"],
    ],
    [
      ["importer", "sink"],
      ["producer-alpine", "producer"],
    ],
    [
      ["importer", "sink"],
      ["cli", "app"],
    ],
    [
      ["importer", "sink"],
      ["testing", "testing"],
    ],
    [
      ["cli", "app"],
      ["testing", "testing"],
    ],
  ])("%s -> %s is refused, naming both", (from, to) => {
    expect(() => synthesize(from, to)).toThrow(
      `@base-kit/${from[0]} (layer ${from[1]}) may not depend on @base-kit/${to[0]} (layer ${to[1]})`,
    );
  });
});

describe("the test kit", () => {
  it("is a development dependency of the packages tested with it", () => {
    const workspace = new Workspace({ name: "base-kit", outdir });
    const tar = workspace.addPackage({ dir: "tar", layer: "foundation", description: "used by the kit" });
    const testing = workspace.addPackage({
      dir: "testing",
      layer: "testing",
      description: "kit",
      workspaceDeps: [tar],
    });
    tar.testWith(testing);
    workspace.synth();
    expect(manifest("tar")).toMatchObject({ dependencies: {}, devDependencies: { "@base-kit/testing": "^0.1.0" } });
  });

  it("is out of reach of the contracts it stands on", () => {
    const workspace = new Workspace({ name: "base-kit", outdir });
    const core = workspace.addPackage({ dir: "core", layer: "contract", description: "contracts" });
    const testing = workspace.addPackage({
      dir: "testing",
      layer: "testing",
      description: "kit",
      workspaceDeps: [core],
    });
    expect(() => core.testWith(testing)).toThrow("@base-kit/core (layer contract) may not depend on @base-kit/testing");
  });
});

it("no row may use itself, and none that may use it", () => {
  const reaches = (from: string): string[] =>
    (LAYERS[from as Layer].uses as readonly string[]).flatMap((layer) => [layer, ...reaches(layer)]);
  for (const layer of Object.keys(LAYERS)) expect(reaches(layer)).not.toContain(layer);
});
