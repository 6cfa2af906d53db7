import { createReadStream } from "node:fs";
import type { Digest } from "@base-kit/core";
import { createStore } from "../src/index.ts";

const [dir = "", input = "", digest = ""] = process.argv.slice(2);
const store = createStore(dir);
for (let i = 0; i < 10; i++) await store.put({ digest: digest as Digest }, createReadStream(input));
if ((await store.get(digest as Digest)) === undefined) process.exitCode = 1;
