import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseOutput } from "../src/options/outputs.ts";
import { pathRules } from "../src/options/path-rules.ts";
import { harmlessPairs, runtimeFromFlags } from "../src/options/runtime.ts";
import { sourceDateEpoch } from "../src/options/source-date-epoch.ts";

describe("--path-exclude", () => {
  test.each(["/etc", "/usr/share/man/*", "*.pyc", "?etc", "[/]etc", "\\/etc", "/", "/a[]//]", "/.a", "/a/..b", "/..."])(
    "%s may match a path",
    (pattern) => {
      expect(pathRules({ pathExclude: [pattern] })).toEqual({ exclude: [pattern], include: [] });
      expect(pathRules({ pathInclude: [pattern] })).toEqual({ exclude: [], include: [pattern] });
    },
  );

  test.each([
    ["etc", "begins with a slash", "Write /etc for the path itself, and /etc/* for what is below it."],
    ["./etc", "begins with a slash", "Write /etc for"],
    ["root/.ssh/*", "begins with a slash", "Write /root/.ssh/* for"],
    ["", "begins with a slash", "Write /* for everything."],
    [".", "begins with a slash", "Write /* for everything."],
    ["//etc", "has //, /. or /.. in it", "Write /etc for the path itself"],
    ["/*/a//b", "has //, /. or /.. in it", "Write /*/a/b for"],
    ["/./etc", "has //, /. or /.. in it", "Write /etc for"],
    ["/etc/.", "has //, /. or /.. in it", "Write /etc for"],
    ["/etc/../srv", "has //, /. or /.. in it", "Write the path as it is in the image."],
    ["/etc/", "ends with a slash", "Write /etc for the path itself"],
    ["*/", "ends with a slash", ""],
  ])("%j would leave in what is to be out", (pattern, why, hint) => {
    for (const [flag, name] of [
      ["pathExclude", "--path-exclude"],
      ["pathInclude", "--path-include"],
    ] as const)
      expect(() => pathRules({ [flag]: ["/usr", pattern] })).toThrow(
        expect.objectContaining({
          code: "OPTION_INVALID",
          kind: "usage",
          message: expect.stringMatching(new RegExp(`^${name} .* is refused: .*${why}$`)),
          hint: expect.stringContaining(hint),
        }),
      );
  });
});

describe("--output", () => {
  test.each([
    [
      "docker-daemon:demo/x",
      { transport: "docker-daemon", reference: expect.objectContaining({ familiar: "demo/x:latest" }) },
    ],
    ["docker-daemon:", { transport: "docker-daemon", reference: undefined }],
    ["oci:images", { transport: "oci", path: "images", tag: undefined }],
    ["oci:./a/images:3.20", { transport: "oci", path: "./a/images", tag: "3.20" }],
    ["oci-archive:x.tar", { transport: "oci-archive", path: "x.tar", reference: undefined }],
    [
      "oci-archive:/t/My Image.tar:1",
      {
        transport: "oci-archive",
        path: "/t/My Image.tar",
        reference: expect.objectContaining({ familiar: "my-image:1" }),
      },
    ],
    [
      "docker-archive:x.tar:demo/x:2",
      { transport: "docker-archive", path: "x.tar", reference: expect.objectContaining({ familiar: "demo/x:2" }) },
    ],
    [
      "docker://127.0.0.1:5000/demo/x:2",
      { transport: "docker", reference: expect.objectContaining({ familiar: "127.0.0.1:5000/demo/x:2" }) },
    ],
    ["tar:rootfs.tar", { transport: "tar", path: "rootfs.tar" }],
  ])("%s is understood as in skopeo", (value, expected) => {
    expect(parseOutput(value)).toEqual(expected);
  });

  test.each([
    "",
    "x.tar",
    "docker:host/name",
    "docker://",
    "docker://host/Name",
    "oci:",
    "tar:",
    "rootfs:-",
    "oci:-",
    "oci:-:tag",
    "oci:dir:bad tag",
    "docker-archive:",
    "docker-daemon:UPPER",
    "oci-archive:x:../y",
  ])("%j is refused", (value) => {
    expect(() => parseOutput(value)).toThrow(expect.objectContaining({ name: "BaseKitError", kind: "usage" }));
  });

  test("of any text is understood or refused, nothing else", () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.constantFrom("", "oci:", "tar:", "oci-archive:", "docker-archive:", "docker-daemon:"),
        (text, transport) => {
          try {
            parseOutput(`${transport}${text}`);
          } catch (error) {
            expect(error).toMatchObject({ name: "BaseKitError", kind: "usage" });
          }
        },
      ),
    );
  });
});

describe("flags of docker run", () => {
  test("become the image's settings", () => {
    const flags = {
      env: ["A=1", "B=x=y", "HOST_HAS", "NOBODY_HAS"],
      cmd: "sh -c",
      entrypoint: '["/bin/sh", "-c", "echo \\"a b\\""]',
      user: "1000:1000",
      workdir: "/srv",
      expose: ["80", "053/udp"],
      volume: ["/data"],
      label: ["k=v=w"],
      stopSignal: "SIGRTMIN+3",
    };
    expect(runtimeFromFlags(flags, { HOST_HAS: "here" })).toEqual({
      env: { A: "1", B: "x=y", HOST_HAS: "here" },
      cmd: ["sh", "-c"],
      entrypoint: ["/bin/sh", "-c", 'echo "a b"'],
      user: "1000:1000",
      workdir: "/srv",
      expose: ["80/tcp", "53/udp"],
      volumes: ["/data"],
      labels: { k: "v=w" },
      stopSignal: "SIGRTMIN+3",
    });
    expect(runtimeFromFlags({}, {})).toEqual({});
  });

  test.each([
    [{ env: ["=x"] }, "--env"],
    [{ cmd: "sh -c 'echo'" }, "--cmd"],
    [{ cmd: '["a", 1]' }, "--cmd"],
    [{ cmd: '["a"' }, "--cmd"],
    [{ user: "a b" }, "--user"],
    [{ user: "--help" }, "--user"],
    [{ workdir: "srv" }, "--workdir"],
    [{ expose: ["0"] }, "--expose"],
    [{ expose: ["65536"] }, "--expose"],
    [{ expose: ["80/http"] }, "--expose"],
    [{ volume: ["data"] }, "--volume"],
    [{ label: ["novalue"] }, "--label"],
    [{ stopSignal: "KILL IT" }, "--stop-signal"],
  ])("%j is refused by the name of its option", (flags, option) => {
    expect(() => runtimeFromFlags(flags, {})).toThrow(
      expect.objectContaining({ code: "OPTION_INVALID", kind: "usage", message: expect.stringContaining(option) }),
    );
  });

  test("a key may be __proto__ and stays a key", () => {
    const labels = harmlessPairs("label", ["__proto__=x"]);
    expect(Object.entries(labels)).toEqual([["__proto__", "x"]]);
  });
});

describe("SOURCE_DATE_EPOCH", () => {
  test.each([
    ["5", { SOURCE_DATE_EPOCH: "7" }, 5],
    [undefined, { SOURCE_DATE_EPOCH: "7" }, 7],
    [undefined, { SOURCE_DATE_EPOCH: "" }, undefined],
    [undefined, {}, undefined],
  ])("flag %s over environment %j is %s", (flag, environment, expected) => {
    expect(sourceDateEpoch(flag, environment)).toBe(expected);
  });

  test.each(["-1", "1.5", "now", "1e9", "253402300800", "9999999999999"])("%s is refused", (value) => {
    expect(() => sourceDateEpoch(value, {})).toThrow(expect.objectContaining({ code: "OPTION_INVALID" }));
  });
});
