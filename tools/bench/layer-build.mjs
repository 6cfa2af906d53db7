// One build of an OCI archive from a tar, cut into segments as if each were a package: what a producer's image costs from there on.
// Arguments: TAR ARCHIVE CACHE SEGMENTS [CHANGED]. Prints milliseconds within the process.
import { writeSync } from "node:fs";
import { createContext } from "@base-kit/host";
import { archiveSink, buildImage, validateImage } from "@base-kit/oci";
import { createStore } from "@base-kit/store";
import { indexTar } from "@base-kit/tar";

const [tar, archive, cacheDir, segmentCount, changed = ""] = process.argv.slice(2);
const started = performance.now();
const context = await createContext({ createStore, cacheDir });
const entries = indexTar(tar);
const folders = entries.filter(({ type }) => type === "directory");
const others = entries.filter(({ type }) => type !== "directory");
const perSegment = Math.ceil(others.length / Number(segmentCount));
const segments = [{ key: `folders of ${tar}`, origin: "base", entries: () => folders }];
for (let at = 0; at < others.length; at += perSegment) {
  const own = others.slice(at, at + perSegment);
  // Another key, and so a member that has to be compressed.
  const version = segments.length === 150 ? changed : "";
  segments.push({ key: `${tar} ${at} ${version}`, origin: `package-${at}`, entries: () => own });
}
const rootfs = { platform: { os: "linux", architecture: "amd64" }, osRelease: {}, packages: [], segments, runtime: {} };
const image = await buildImage(rootfs, { created: 0 }, context);
await validateImage(image, context);
await archiveSink(archive).write([image], [], context);
writeSync(1, String(performance.now() - started));
await context[Symbol.asyncDispose]();
