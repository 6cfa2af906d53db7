// A process of its own that runs a script in a sandbox, so that tests can end it by signals and run it as another user.
import { abortOnSignals, createContext } from "@base-kit/host";
import { createStore } from "@base-kit/store";
import { textFromEntries } from "@base-kit/testing";
import { runOnce } from "../src/index.ts";
import { smallTree } from "./small-tree.ts";

const { mode, script, cacheDir, timeoutMs, keepFailed } = JSON.parse(process.argv[2] ?? "{}");
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
  const entries = smallTree();
  const segments = [{ key: "small", origin: "base", entries: () => entries }];
  const env = { PATH: "/bin" };
  const run = { purpose: "test", title: "running", mode, script, env, epoch: 1000, entries, timeoutMs, keepFailed };
  const changes = await runOnce({ segments }, run, context);
  tell({ type: "ended", entries: (await textFromEntries(changes.entries)).split("\n"), removed: changes.removed });
} catch (error) {
  const { code, message, hint } = error as { code?: string; message: string; hint?: string };
  tell({ type: "error", code, message, hint });
}
process.exitCode = watch.exitCode() ?? 0;
watch.dispose();
