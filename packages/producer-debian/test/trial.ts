import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { hostPlatform, type Lock } from "@base-kit/core";
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
import { createWorkshop } from "./workshop.ts";

export interface TrialOptions {
  readonly faults?: Readonly<Record<string, readonly (Fault | undefined)[]>>;
  readonly options?: object;
  /** What becomes of the lock between the two steps. */
  readonly changeLock?: (lock: Lock, mirror: Mirror) => unknown;
}

export interface TrialOutcome {
  /** The tree as text, without the database and what base-kit writes itself. */
  readonly tree?: string;
  readonly error?: unknown;
  readonly requests: Mirror["requests"];
  /** Of these, those of the second step. */
  readonly produced: Mirror["requests"];
}

/** Archives signed by a key of the moment, and builds from them on the whole way, from the Release to the tree. */
export interface Trial extends Disposable {
  suite(described: DescribedSuite, spoilRelease?: (text: string) => string): Record<string, Buffer>;
  /** With a cache of its own; no script is run. */
  build(files: Readonly<Record<string, Buffer>>, options?: TrialOptions): Promise<TrialOutcome>;
}

export function createTrial(): Trial {
  const gpg = createGpgHome();
  const by = [gpg.generate()];
  const keys = gpg.exportKeys(by);
  return {
    suite: (described, spoil = (text) => text) =>
      makeDebSuite(described, (release) => gpg.clearsign(spoil(release), { by })),
    build: async (files, { faults = {}, options = {}, changeLock = (lock: Lock): unknown => lock } = {}) => {
      await using workshop = await createWorkshop();
      const { dir, context } = workshop;
      const keyring = join(dir, "keyring.gpg");
      writeFileSync(keyring, keys);
      await using mirror = await startMirror(files, { faults });
      const { requests } = mirror;
      let before = 0;
      try {
        const given = { mirror: mirror.url, keyring, variant: "custom", include: ["demo"], tweaks: ["none"] };
        const parsed = (await debian.schema()).parse({ ...given, configure: "none", ...options });
        const request = { release: "bookworm", platform: hostPlatform(), sourceDateEpoch: undefined, options: parsed };
        const lock = await resolve(request, { distribution: "debian", delays: [1] }, context);
        before = requests.length;
        const rootfs = await debian.produce(changeLock(lock, mirror) as Lock, context);
        const own = mergedEntries(rootfs).filter(
          ({ path }) => !/^(?:var\/lib\/dpkg|etc\/(?:fstab|apt))(?:\/|$)/.test(path),
        );
        return { tree: await textFromEntries(own), requests, produced: requests.slice(before) };
      } catch (error) {
        return { error, requests, produced: before === 0 ? [] : requests.slice(before) };
      }
    },
    [Symbol.dispose]: () => gpg[Symbol.dispose](),
  };
}
