// Alpine's index of 5,000 packages verified and parsed, and twenty packages with all they need chosen from it; modules loaded before.
// Argument: the folder of one architecture of a repository. Prints milliseconds of both.
import { createPublicKey } from "node:crypto";
import { readFileSync, writeSync } from "node:fs";

const own = (file) => import(new URL(`../../packages/producer-alpine/dist/${file}.js`, import.meta.url));
const [{ readIndex }, { ALPINE_KEYS }, { solve }, { createUniverse }, { parseDependency }] = await Promise.all(
  ["apk/index-file", "apk/alpine-keys", "solver/solve", "solver/universe", "apk/dependency"].map(own),
);
const WORLD =
  "bash cmake curl gcc git jq make nginx nodejs openssh openssl perl python3 redis rsync ruby sqlite tar vim wget".split(
    " ",
  );

const bytes = readFileSync(`${process.argv[2]}/APKINDEX.tar.gz`);
const keys = new Map(
  ALPINE_KEYS.map(({ name, key }) => [
    name,
    createPublicKey({ key: Buffer.from(key, "base64"), format: "der", type: "spki" }),
  ]),
);
const started = performance.now();
const { packages } = await readIndex(bytes, { name: "APKINDEX", keys });
const read = performance.now();
const universe = createUniverse(packages.map((info) => ({ info, repository: 0, installed: false })));
const chosen = solve({ universe, world: WORLD.map(parseDependency) });
const ended = performance.now();
writeSync(
  1,
  JSON.stringify({ packages: packages.length, chosen: chosen.length, read: read - started, solve: ended - read }),
);
