import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { hostPlatform, type Lock, type LockedInput } from "@base-kit/core";
import { mergedEntries } from "@base-kit/rootfs";
import {
  createGpgHome,
  type DescribedSuite,
  type Fault,
  type Mirror,
  makeDebSuite,
  startMirror,
  textFromEntries,
} from "@base-kit/testing";
import { debian } from "../src/index.ts";
import { resolve } from "../src/resolve.ts";
import { createWorkshop, type Workshop } from "./workshop.ts";

export interface TrialOptions {
  readonly faults?: Readonly<Record<string, readonly (Fault | undefined)[]>>;
  readonly options?: object;
}

export interface TrialOutcome {
  /** The tree as text, without the database and what base-kit writes itself. */
  readonly tree?: string;
  readonly error?: unknown;
  /** Of this step alone. */
  readonly requests: Mirror["requests"];
}

/** An archive from which packages were chosen. */
export interface OpenArchive extends AsyncDisposable {
  readonly lock: Lock;
  /** Makes the tree of a lock, which somebody may have changed. */
  produce(lock: unknown): Promise<TrialOutcome>;
  /** Of one package alone. */
  only(name: string): Lock;
}

/** Archives signed by a key of the moment, and builds from them on the whole way, from the Release to the tree. */
export interface Trial extends Disposable {
  suite(described: DescribedSuite, spoilRelease?: (text: string) => string): Record<string, Buffer>;
  /** Serves the files, and chooses packages with a cache of its own. No script will be run. */
  open(files: Readonly<Record<string, Buffer>>, options?: TrialOptions): Promise<OpenArchive>;
  /** Opens, and makes the tree. */
  build(files: Readonly<Record<string, Buffer>>, options?: TrialOptions): Promise<TrialOutcome>;
}

export function createTrial(): Trial {
  const gpg = createGpgHome();
  const by = [gpg.generate()];
  const keys = gpg.exportKeys(by);

  async function opened(
    mirror: Mirror,
    workshop: Workshop,
    { options = {} }: TrialOptions,
  ): Promise<Omit<OpenArchive, keyof AsyncDisposable>> {
    const { dir, context } = workshop;
    const keyring = join(dir, "keyring.gpg");
    writeFileSync(keyring, keys);
    const given = { mirror: mirror.url, keyring, variant: "custom", include: ["demo"], tweaks: ["none"] };
    const parsed = (await debian.schema()).parse({ ...given, configure: "none", ...options });
    const request = { release: "bookworm", platform: hostPlatform(), sourceDateEpoch: undefined, options: parsed };
    const lock = await resolve(request, { distribution: "debian", delays: [1] }, context);
    const isPackage = ({ facts }: LockedInput) => facts?.["version"] !== undefined;
    return {
      lock,
      only: (name) => ({ ...lock, inputs: lock.inputs.filter((each) => !isPackage(each) || each.name === name) }),
      produce: async (changed) => {
        const before = mirror.requests.length;
        try {
          const rootfs = await debian.produce(changed as Lock, context);
          const own = mergedEntries(rootfs).filter(({ path }) => !OURS.test(path));
          return { tree: await textFromEntries(own), requests: mirror.requests.slice(before) };
        } catch (error) {
          return { error, requests: mirror.requests.slice(before) };
        }
      },
    };
  }

  return {
    suite: (described, spoil = (text) => text) =>
      makeDebSuite(described, (release) => gpg.clearsign(spoil(release), { by })),
    open: async (files, options = {}) => {
      const workshop = await createWorkshop();
      const mirror = await startMirror(files, options);
      const close = async () => {
        await mirror.close();
        await workshop[Symbol.asyncDispose]();
      };
      return { ...(await opened(mirror, workshop, options)), [Symbol.asyncDispose]: close };
    },
    build: async (files, options = {}) => {
      await using workshop = await createWorkshop();
      await using mirror = await startMirror(files, options);
      try {
        const { lock, produce } = await opened(mirror, workshop, options);
        return { ...(await produce(lock)), requests: mirror.requests };
      } catch (error) {
        return { error, requests: mirror.requests };
      }
    },
    [Symbol.dispose]: () => gpg[Symbol.dispose](),
  };
}

const OURS = /^(?:var\/lib\/dpkg|etc\/(?:fstab|apt))(?:\/|$)/;
