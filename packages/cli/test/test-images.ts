import { execFileSync, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { locationOf } from "@base-kit/testing";

/** The engine of the test run, and names in it that go when the test is over. */
export interface TestImages {
  /** A name nobody else has. */
  fresh(): string;
  /** Output of a docker command, without the newline at its end. */
  docker(args: readonly string[], input?: string | Uint8Array): string;
  /** What runs in a container of an image prints. */
  run(image: string, ...command: readonly string[]): string;
  inspect(image: string): InspectedImage;
  remove(): void;
}

/** `docker image inspect`, as far as tests look at it. */
export interface InspectedImage {
  readonly Id: string;
  readonly Architecture: string;
  readonly Config: { readonly Env: readonly string[] | null; readonly Cmd: readonly string[] | null };
  readonly RootFS: { readonly Layers: readonly string[] };
}

export function testImages(): TestImages {
  const names: string[] = [];
  // BuildKit is not everywhere, and is not what is tested.
  const environment = () => ({ ...process.env, DOCKER_HOST: locationOf("docker"), DOCKER_BUILDKIT: "0" });
  const docker = (args: readonly string[], input?: string | Uint8Array) =>
    execFileSync("docker", args, {
      env: environment(),
      encoding: "utf8",
      stdio: ["pipe", "pipe", "pipe"],
      ...(input === undefined ? {} : { input }),
      maxBuffer: 2 ** 28,
    }).trimEnd();
  return {
    fresh: () => {
      const name = `base-kit-test/cli-${randomBytes(5).toString("hex")}`;
      names.push(name);
      return name;
    },
    docker,
    run: (image, ...command) => docker(["run", "--rm", "--network", "none", image, ...command]),
    inspect: (image) => JSON.parse(docker(["image", "inspect", image]))[0],
    remove: () => {
      if (names.length > 0) spawnSync("docker", ["image", "rm", "--force", ...names.splice(0)], { env: environment() });
    },
  };
}
