import { createHash } from "node:crypto";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { formatEndpoint } from "../src/endpoint.ts";
import { chosenPlace, type Place, usualPlaces } from "../src/places.ts";
import { type TestContext, testContext } from "./context.ts";

let context: TestContext;
let config: string;
beforeEach(() => {
  context = testContext();
  config = join(String(context.env["HOME"]), ".docker");
  mkdirSync(config);
});
afterEach(() => context.dispose());

function env(added: Readonly<Record<string, string>> = {}) {
  return { env: { HOME: context.env["HOME"], ...added } };
}

/** As `docker context create` writes it. */
function createContext(
  name: string,
  host: string,
  { folder = config, skip = false, files = {} as Record<string, string> } = {},
) {
  const id = createHash("sha256").update(name).digest("hex");
  mkdirSync(join(folder, "contexts", "meta", id), { recursive: true });
  const metadata = { Name: name, Metadata: {}, Endpoints: { docker: { Host: host, SkipTLSVerify: skip } } };
  writeFileSync(join(folder, "contexts", "meta", id, "meta.json"), JSON.stringify(metadata));
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(join(folder, "contexts", "tls", id, "docker"), { recursive: true });
    writeFileSync(join(folder, "contexts", "tls", id, "docker", file), text);
  }
}

function shown(place: Place | undefined): string {
  if (place?.problem) return `${place.source}: ${place.problem.code}`;
  return place?.endpoint ? `${place.source}: ${formatEndpoint(place.endpoint)}` : "nothing chosen";
}

describe("the place the user has chosen", () => {
  test("is the flag before DOCKER_HOST before DOCKER_CONTEXT before docker context use, as in the docker program", () => {
    createContext("used", "unix:///used");
    createContext("named", "unix:///named");
    createContext("flagged", "unix:///flagged");
    writeFileSync(join(config, "config.json"), JSON.stringify({ currentContext: "used" }));
    const all = env({ DOCKER_HOST: "unix:///host", DOCKER_CONTEXT: "named" });
    expect([
      shown(chosenPlace({ host: "unix:///flag" }, all)),
      shown(chosenPlace({ context: "flagged" }, all)),
      shown(chosenPlace({}, all)),
      shown(chosenPlace({}, env({ DOCKER_CONTEXT: "named" }))),
      shown(chosenPlace({}, env())),
    ]).toEqual([
      "host option: unix:///flag",
      "context flagged: unix:///flagged",
      "DOCKER_HOST: unix:///host",
      "context named: unix:///named",
      "context used: unix:///used",
    ]);
  });

  test("may be nothing: no settings, empty settings, or the context default", () => {
    expect(shown(chosenPlace({}, env()))).toBe("nothing chosen");
    expect(shown(chosenPlace({}, { env: {} }))).toBe("nothing chosen");
    expect(shown(chosenPlace({}, env({ DOCKER_HOST: "", DOCKER_CONTEXT: "" })))).toBe("nothing chosen");
    createContext("used", "unix:///used");
    writeFileSync(join(config, "config.json"), JSON.stringify({ currentContext: "used" }));
    expect(shown(chosenPlace({}, env({ DOCKER_CONTEXT: "default" })))).toBe("nothing chosen");
    expect(shown(chosenPlace({ context: "default" }, env({ DOCKER_HOST: "unix:///host" })))).toBe(
      "DOCKER_HOST: unix:///host",
    );
  });

  test("is looked up in DOCKER_CONFIG instead of ~/.docker", () => {
    createContext("far", "ssh://me@far", { folder: context.dir });
    writeFileSync(join(context.dir, "config.json"), JSON.stringify({ currentContext: "far", auths: {} }));
    expect(shown(chosenPlace({}, env({ DOCKER_CONFIG: context.dir })))).toBe("context far: ssh://me@far");
  });

  test("cannot be two things at once", () => {
    expect(() => chosenPlace({ host: "unix:///x", context: "y" }, env())).toThrow(
      expect.objectContaining({ code: "ENGINE_CHOICE_AMBIGUOUS", kind: "usage" }),
    );
  });

  test("says what is wrong with it instead of being passed over", () => {
    createContext("known", "unix:///known");
    expect(chosenPlace({}, env({ DOCKER_CONTEXT: "nope\u001b[31m" }))?.problem).toMatchObject({
      code: "ENGINE_CONTEXT_UNKNOWN",
      message: String.raw`there is no Docker context "nope\x1b[31m" (from DOCKER_CONTEXT)`,
      hint: expect.stringContaining("default, known"),
    });
    expect(shown(chosenPlace({}, env({ DOCKER_HOST: "npipe:////./pipe/x" })))).toBe(
      "DOCKER_HOST: ENGINE_ENDPOINT_INVALID",
    );
    for (const text of ["{", "", "[1]", "null"]) {
      writeFileSync(join(config, "config.json"), text);
      const expected =
        text === "{" || text === "" ? `${join(config, "config.json")}: DOCKER_CONFIG_INVALID` : "nothing chosen";
      expect(shown(chosenPlace({}, env()))).toBe(expected);
    }
    writeFileSync(join(config, "config.json"), JSON.stringify({ currentContext: "../../etc" }));
    expect(shown(chosenPlace({}, env()))).toBe("context ../../etc: ENGINE_CONTEXT_UNKNOWN");
  });

  test.each([
    "{}",
    "[]",
    '{"Endpoints":{}}',
    '{"Endpoints":{"docker":{}}}',
    '{"Endpoints":{"docker":{"Host":7}}}',
    "nonsense",
  ])("refuses the context file %s", (text) => {
    createContext("odd", "unix:///odd");
    const id = createHash("sha256").update("odd").digest("hex");
    writeFileSync(join(config, "contexts", "meta", id, "meta.json"), text);
    expect(shown(chosenPlace({ context: "odd" }, env()))).toBe("context odd: DOCKER_CONFIG_INVALID");
  });
});

describe("certificates", () => {
  const files = { "ca.pem": "CA", "cert.pem": "CERT", "key.pem": "KEY" };
  const tls = (place: Place | undefined) => (place?.endpoint?.type === "tcp" ? place.endpoint.tls : undefined);
  const write = (folder: string, names: readonly string[]) => {
    for (const name of names) writeFileSync(join(folder, name), files[name as keyof typeof files]);
  };

  test("come from DOCKER_CERT_PATH, with DOCKER_TLS_VERIFY or without", () => {
    write(context.dir, Object.keys(files));
    for (const verify of [{}, { DOCKER_TLS_VERIFY: "1" }]) {
      const place = chosenPlace({}, env({ DOCKER_HOST: "tcp://h", DOCKER_CERT_PATH: context.dir, ...verify }));
      expect(shown(place)).toBe("DOCKER_HOST: tcp://h:2376");
      expect(tls(place)).toMatchObject({ verify: true, key: Buffer.from("KEY"), folder: context.dir });
    }
  });

  test("come from ~/.docker when DOCKER_TLS_VERIFY stands alone", () => {
    write(config, Object.keys(files));
    expect(tls(chosenPlace({}, env({ DOCKER_HOST: "tcp://h", DOCKER_TLS_VERIFY: "1" })))).toMatchObject({
      folder: config,
    });
  });

  test.each(Object.keys(files))("without %s are an error that names it, never plain HTTP", (absent) => {
    write(
      context.dir,
      Object.keys(files).filter((name) => name !== absent),
    );
    const settings = env({ DOCKER_HOST: "tcp://h", DOCKER_CERT_PATH: context.dir });
    expect(chosenPlace({}, settings)?.problem).toMatchObject({
      code: "ENGINE_TLS_FILES",
      kind: "environment",
      message: expect.stringContaining(join(context.dir, absent)),
    });
  });

  test("of a folder that nobody can tell are an error, never plain HTTP", () => {
    expect(shown(chosenPlace({}, { env: { DOCKER_HOST: "tcp://h", DOCKER_TLS_VERIFY: "1" } }))).toBe(
      "DOCKER_HOST: ENGINE_TLS_FILES",
    );
  });

  test("of a context are its own, whatever the environment says", () => {
    createContext("sealed", "tcp://h:1", { files });
    const settings = env({ DOCKER_CERT_PATH: "/nonexistent", DOCKER_TLS_VERIFY: "1" });
    expect(tls(chosenPlace({ context: "sealed" }, settings))).toMatchObject({ verify: true, ca: Buffer.from("CA") });
    createContext("lax", "tcp://h:1", { skip: true });
    expect(tls(chosenPlace({ context: "lax" }, settings))).toEqual({ verify: false });
    createContext("half", "tcp://h:1", { files: { "cert.pem": "CERT" } });
    expect(shown(chosenPlace({ context: "half" }, settings))).toBe("context half: ENGINE_TLS_FILES");
    createContext("plain", "tcp://h:1");
    expect(tls(chosenPlace({ context: "plain" }, settings))).toBeUndefined();
  });
});

test("the usual places are Docker's socket, the rootless ones and podman's, each once", () => {
  const runtime = join(context.dir, "run");
  mkdirSync(runtime);
  const usual = (added: Readonly<Record<string, string>>) => usualPlaces(env(added)).map(shown);
  expect(usual({ XDG_RUNTIME_DIR: runtime })).toEqual([
    "default socket: unix:///var/run/docker.sock",
    `rootless Docker: unix://${runtime}/docker.sock`,
    `Docker Desktop: unix://${config}/run/docker.sock`,
    `rootless podman: unix://${runtime}/podman/podman.sock`,
    "podman: unix:///run/podman/podman.sock",
  ]);
  expect(usualPlaces({ env: {} }).map(shown)).toHaveLength(2);
  writeFileSync(join(runtime, "docker.sock"), "");
  mkdirSync(join(config, "run"));
  symlinkSync(join(runtime, "docker.sock"), join(config, "run", "docker.sock"));
  expect(usual({ XDG_RUNTIME_DIR: runtime }).filter((place) => place.startsWith("Docker Desktop"))).toEqual([]);
});
