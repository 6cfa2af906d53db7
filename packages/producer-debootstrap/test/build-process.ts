// A process of its own that builds and tells what happens, one JSON line each, so that tests can end it by signals.
import { hostPlatform } from "@base-kit/core";
import { abortOnSignals, createContext } from "@base-kit/host";
import { createStore } from "@base-kit/store";
import { debootstrap } from "../src/index.ts";

const { release, options, cacheDir } = JSON.parse(process.argv[2] ?? "{}");
const watch = abortOnSignals();
const tell = (what: object) => process.stdout.write(`${JSON.stringify(what)}\n`);
try {
  await using context = await createContext({
    createStore,
    cacheDir,
    env: { ...process.env, TMPDIR: cacheDir },
    signal: watch.signal,
    reporter: { emit: tell },
  });
  const parsed = (await debootstrap.schema()).parse(options);
  const request = { release, platform: hostPlatform(), sourceDateEpoch: undefined, options: parsed };
  const rootfs = await debootstrap.produce(await debootstrap.resolve(request, context), context);
  tell({ type: "built", packages: rootfs.packages.length });
} catch (error) {
  const { code, kind, message, hint } = error as { code?: string; kind?: string; message: string; hint?: string };
  tell({ type: "error", code, kind, message, hint });
}
process.exitCode = watch.exitCode() ?? 0;
watch.dispose();
