import type { RuntimeConfig } from "@base-kit/core";
import { describe, expect, test } from "vitest";
import { importChanges } from "../src/import-changes.ts";

describe("the settings of an image as lines of a Dockerfile", () => {
  const runtime: RuntimeConfig = {
    env: { PATH: "/bin", ODD: 'a "b" \\ $HOME' },
    entrypoint: ["/entry", "two\nlines"],
    cmd: [],
    user: "1000:1000",
    workdir: "/a $b",
    expose: ["80/tcp"],
    volumes: ["/data $x"],
    labels: { "org.example.text": "it's" },
    stopSignal: "SIGINT",
  };

  test("are escaped for Docker, which expands variables", () => {
    expect(importChanges(runtime, "docker")).toEqual([
      'ENV PATH="/bin"',
      String.raw`ENV ODD="a \"b\" \\ \$HOME"`,
      String.raw`ENTRYPOINT ["/entry","two\nlines"]`,
      "CMD []",
      'USER "1000:1000"',
      String.raw`WORKDIR "/a \$b"`,
      "EXPOSE 80/tcp",
      String.raw`VOLUME ["/data \\$x"]`,
      `LABEL org.example.text="it's"`,
      "STOPSIGNAL SIGINT",
    ]);
  });

  test("are left as they are for podman, which expands nothing", () => {
    expect(importChanges(runtime, "podman")).toEqual([
      'ENV PATH="/bin"',
      String.raw`ENV ODD="a "b" \ $HOME"`,
      String.raw`ENTRYPOINT ["/entry","two\nlines"]`,
      "CMD []",
      "USER 1000:1000",
      "WORKDIR /a $b",
      "EXPOSE 80/tcp",
      'VOLUME ["/data $x"]',
      `LABEL org.example.text="it's"`,
      "STOPSIGNAL SIGINT",
    ]);
  });

  test("are nothing for an image without settings", () => {
    expect(importChanges({}, "docker")).toEqual([]);
  });

  test.each<RuntimeConfig>([
    { env: { A: "x\nUSER evil" } },
    { env: { "A=B": "x" } },
    { env: { "A B": "x" } },
    { env: { "": "x" } },
    { labels: { a: "x\rUSER evil" } },
    { labels: { 'a"b': "x" } },
    { user: "root\nENV EVIL=1" },
    { workdir: "/\n" },
    { volumes: ["/a\0"] },
    { expose: ["80 90"] },
    { healthcheck: { test: ["NONE"] } },
    { shell: ["/bin/ash", "-c"] },
    { onBuild: ["RUN true"] },
    { stopSignal: "9\nUSER evil" },
  ])("%j is refused: it would start a line of its own or be read as something else", (bad) => {
    for (const kind of ["docker", "podman"] as const) {
      expect(() => importChanges(bad, kind)).toThrow(
        expect.objectContaining({ code: "IMPORT_VALUE_REFUSED", kind: "usage", hint: expect.stringContaining("load") }),
      );
    }
  });
});
