// What an import by Node cannot do without: TREE read by GNU tar, hashed, and sent to the engine as `docker import` does.
// No header is looked at, no digest is compared, and the image gets no config of its own.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { openSync, readSync, unlinkSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const PIECE = 1024 ** 2;
const [tree, name] = process.argv.slice(2);
const { DOCKER_HOST: host = "unix:///var/run/docker.sock" } = process.env;

// Through a file and in large pieces: a pipe holds 64 KiB, and each wait for it costs more than the page cache does.
const file = join(tmpdir(), `base-kit-floor-${process.pid}`);
const archive = openSync(file, "wx+");
unlinkSync(file);
const tar = spawn("tar", ["-b", "512", "-C", tree, "-c", "."], { stdio: ["ignore", archive, "inherit"] });
let ended = false;
tar.once("exit", () => {
  ended = true;
});
const hash = createHash("sha256");
const upload = request({
  socketPath: host.replace("unix://", ""),
  servername: "",
  method: "POST",
  path: `/images/create?fromSrc=-&repo=${encodeURIComponent(name)}`,
  headers: { "content-type": "application/x-tar", "transfer-encoding": "chunked" },
});
const answered = once(upload, "response");
const rooms = [Buffer.allocUnsafeSlow(PIECE), Buffer.allocUnsafeSlow(PIECE)];
const left = [undefined, undefined];
for (let at = 0, turn = 0; ; ) {
  await left[turn];
  const isWhole = ended;
  const read = readSync(archive, rooms[turn], 0, PIECE, at);
  if (read === 0) {
    if (isWhole) break;
    await sleep(2);
    continue;
  }
  at += read;
  const bytes = rooms[turn].subarray(0, read);
  left[turn] = new Promise((resolve) => upload.write(bytes, resolve));
  hash.update(bytes);
  turn ^= 1;
}
upload.end();
const [answer] = await answered;
for await (const _ of answer);
hash.digest();
if (answer.statusCode !== 200) throw new Error(`the engine answers ${answer.statusCode}`);
