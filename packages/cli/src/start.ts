import { dirname } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runWithCodeCache } from "./code-cache.ts";

/**
 * Garbage is collected at once. In small steps beside other work it is for those who wait for each answer. Here the bytes of archives
 * make V8 begin anew several times a second: without it a cold build of Debian takes a twentieth less CPU time, and 15 MiB more.
 */
const FLAGS = ["--no-incremental-marking"];
/**
 * Node 20 optimizes a loop so early that most commands are over before it has paid: an import takes a tenth less CPU time so. Newer
 * ones wait by themselves, and do not know the flag.
 */
if (process.version.startsWith("v20.")) FLAGS.push("--interrupt-budget=1500000");

// Before all else, because V8 takes code that was kept only with the flags it was kept with.
for (const flag of FLAGS) setFlagsFromString(flag);
runWithCodeCache("main.js", { bundle: __dirname, caches: `${dirname(__dirname)}/code-cache` });
