import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Image, isBaseKitError, parseReference } from "@base-kit/core";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { findEngine, probePlaces } from "../src/find-engine.ts";
import { DEFAULT_LIMITS, type Limits } from "../src/limits.ts";
import { engineSink, type ImportMode } from "../src/sink.ts";
import { type TestContext, testContext } from "./context.ts";
import { description, type FakeEngine, startFakeEngine } from "./fake-engine.ts";
import { testImage } from "./image.ts";

const SHORT_MS = 700;

let context: TestContext;
let image: Image;
let engine: FakeEngine;
beforeEach(async () => {
  context = testContext({ env: { DOCKER_TLS_VERIFY: "1", DOCKER_CERT_PATH: "/nonexistent" } });
  image = await testImage(context, { ballast: 2 ** 20 });
  engine = await startFakeEngine(context.dir, image);
});
afterEach(async () => {
  await engine.close();
  context.dispose();
});

/** Cases of a shell `case` over the arguments after the engine; the others succeed. Every call is noted. */
function fakeDocker(cases: string): void {
  const found = JSON.stringify([description(image)]);
  const script = `#!/bin/sh
echo "$DOCKER_TLS_VERIFY|$*" >> ${context.dir}/calls
shift 2
case "$*" in
${cases}
"image inspect"*) [ -e ${context.dir}/loaded ] || { echo "Error: No such image: x" >&2; exit 1; }; printf '%s' '${found}' ;;
"image load"*) cat > ${context.dir}/loaded; echo "Loaded image ID: ${image.config.digest}" ;;
"image import"*) cat > ${context.dir}/loaded; echo "${image.config.digest}" ;;
esac
`;
  writeFileSync(join(context.bin, "docker"), script, { mode: 0o755 });
}

async function give({ mode = "load", limits = DEFAULT_LIMITS }: { mode?: ImportMode; limits?: Limits } = {}) {
  const found = await findEngine({ importer: "docker-cli", host: engine.host }, context, limits);
  return engineSink(found, { mode }, limits).write([image], [parseReference("demo/x")], context);
}

async function failureOf(work: Promise<unknown>) {
  try {
    await work;
  } catch (error) {
    if (isBaseKitError(error)) return error;
    throw error;
  }
  throw new Error("it succeeded");
}

function calls(): readonly string[] {
  const file = join(context.dir, "calls");
  return existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
}

test("a sound program is given the engine, then the archive, then the name", async () => {
  fakeDocker("");
  const result = await give();
  expect(result).toEqual({ references: ["demo/x:latest"], id: image.config.digest, size: 1234 });
  // Certificates are not for sockets: with DOCKER_TLS_VERIFY the program would look for them and fail.
  expect(calls()).toEqual(
    [
      "version",
      `image inspect ${image.config.digest}`,
      "image load",
      `image inspect ${image.config.digest}`,
      `image tag ${image.config.digest} docker.io/demo/x:latest`,
      "image inspect demo/x:latest",
    ].map((call) => `|--host ${engine.host} ${call}`),
  );
});

describe("a docker program", () => {
  test.each<[what: string, cases: string, code: string, message: string, limited?: keyof Limits]>([
    [
      "that panics",
      '"image load"*) cat > /dev/null; printf "panic: runtime error: x\\n[signal SIGSEGV]\\n\\ngoroutine 1 [running]:\\nmain.main()\\n" >&2; exit 2 ;;',
      "DOCKER_CLI_CRASHED",
      "panic: runtime error: x",
    ],
    ["that is killed", '"image load"*) kill -9 $$ ;;', "DOCKER_CLI_CRASHED", "SIGKILL"],
    [
      "that says nothing and fails",
      '"image load"*) cat > /dev/null; exit 3 ;;',
      "ENGINE_ANSWER_INVALID",
      "exit code 3",
    ],
    ["that says nothing and succeeds", '"image load"*) cat > /dev/null ;;', "ENGINE_ANSWER_INVALID", "did not say"],
    [
      "that answers garbage",
      '"image load"*) cat > /dev/null; head -c 300000 /dev/urandom ;;',
      "ENGINE_ANSWER_INVALID",
      "did not say",
    ],
    [
      "that says it loaded and has nothing",
      '"image load"*) cat > /dev/null; echo "Loaded image: x" ;;',
      "ENGINE_ANSWER_INVALID",
      "does not have it",
    ],
    [
      "that describes the image by garbage",
      '"image inspect"*) echo "<html>" ;;',
      "ENGINE_ANSWER_INVALID",
      "cannot be read",
    ],
    [
      "whose engine's disk is full",
      '"image load"*) cat > /dev/null; echo "Error processing tar file(exit status 1): write /x: no space left on device" >&2; exit 1 ;;',
      "ENGINE_DISK_FULL",
      "no space left",
    ],
    [
      "whose engine is gone",
      '"image load"*) echo "Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?" >&2; exit 1 ;;',
      "ENGINE_LOST",
      "Cannot connect",
    ],
    [
      "that may not connect",
      '"version"*) echo "permission denied while trying to connect to the Docker daemon socket at unix:///x" >&2; exit 1 ;;',
      "ENGINE_UNREACHABLE",
      "permission denied",
    ],
    [
      "that the engine finds too new",
      '"version"*) echo "Error response from daemon: client version 1.99 is too new. Maximum supported API version is 1.41" >&2; exit 1 ;;',
      "ENGINE_REFUSED",
      "client version 1.99 is too new",
    ],
    ["that hangs when asked", '"version"*) sleep 1000 ;;', "ENGINE_TIMEOUT", "for 0.7 s", "question"],
    ["that takes nothing", '"image load"*) sleep 1000 ;;', "ENGINE_TIMEOUT", "for 0.7 s", "upload"],
    ["that says nothing", '"image load"*) cat > /dev/null; sleep 1000 ;;', "ENGINE_TIMEOUT", "for 0.7 s", "unpacking"],
    [
      "that cannot set the name",
      '"image tag"*) echo "Error response from daemon: no" >&2; exit 1 ;;',
      "ENGINE_REFUSED",
      "demo/x:latest",
    ],
  ])("%s is reported in one line", async (_, cases, code, message, limited) => {
    fakeDocker(cases);
    // Where no limit is to pass, a busy machine needs more for starting a program.
    const limits = limited === undefined ? DEFAULT_LIMITS : { ...DEFAULT_LIMITS, [limited]: SHORT_MS };
    const error = await failureOf(give({ limits }));
    expect(error).toMatchObject({ code, kind: "environment" });
    expect(error.message).toContain(message);
    expect(error.message).not.toMatch(/\p{Cc}/u);
    expect(error.message.length).toBeLessThan(500);
    expect(error.hint).toBeDefined();
  });

  test("that is missing is reported, with the importer that needs none", async () => {
    const without = testContext({ env: { PATH: context.bin } });
    const error = await failureOf(findEngine({ importer: "docker-cli", host: engine.host }, without));
    without.dispose();
    expect(error).toMatchObject({ code: "DOCKER_CLI_NOT_FOUND", hint: expect.stringContaining("engine-api") });
  });

  test("imports with the settings as changes, after the platform", async () => {
    fakeDocker("");
    const error = await failureOf(give({ mode: "import" }));
    // The fake has no Cmd.
    expect(error).toMatchObject({ code: "ENGINE_IMAGE_DIFFERS" });
    expect(calls()[1]).toBe(`|--host ${engine.host} image import --platform linux/amd64 --change CMD ["/hello"] -`);
  });

  test("asks ssh for the engine, within a time", async () => {
    const version = {
      Client: {},
      Server: { Version: "27.1", ApiVersion: "1.46", Arch: "arm64", Components: [{ Name: "Engine" }] },
    };
    fakeDocker(`"version"*) printf '%s' '${JSON.stringify(version)}' ;;
"info"*) printf '%s' '{"Driver":"overlayfs","DriverStatus":[["driver-type","io.containerd.snapshotter.v1"]]}' ;;`);
    const found = await findEngine({ importer: "auto", host: "ssh://me@far" }, context);
    expect(found).toMatchObject({
      importer: "docker-cli",
      kind: "docker",
      apiVersion: "1.46",
      endpoint: "ssh://me@far",
    });
    const [place] = await probePlaces(
      { ...context, env: { ...context.env, DOCKER_HOST: "ssh://me@far" } },
      DEFAULT_LIMITS,
    );
    expect(place?.engine).toMatchObject({
      kind: "docker",
      version: "27.1",
      architecture: "arm64",
      storage: "containerd snapshotter (overlayfs)",
    });
    fakeDocker('"version"*) sleep 1000 ;;');
    const short = { ...DEFAULT_LIMITS, sshPing: SHORT_MS };
    expect(await failureOf(findEngine({ importer: "auto", host: "ssh://me@far" }, context, short))).toMatchObject({
      code: "ENGINE_UNREACHABLE",
      message: expect.stringContaining("0.7 s"),
    });
    expect(await failureOf(findEngine({ importer: "engine-api", host: "ssh://me@far" }, context, short))).toMatchObject(
      {
        code: "ENGINE_SSH_NEEDS_CLI",
        kind: "usage",
      },
    );
  });
});
