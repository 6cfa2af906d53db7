import { type Context, type Event, parsePlatform, type Rootfs } from "@base-kit/core";
import { expect, test } from "vitest";
import { type ConfigureJob, configure } from "../src/configure/configure.ts";

const ARM64: Rootfs = {
  platform: parsePlatform("arm64"),
  osRelease: {},
  packages: [],
  segments: [{ key: "k", origin: "base", entries: () => [] }],
  runtime: {},
};
const JOB: ConfigureJob = {
  mode: "auto",
  script: "exit 1",
  scripted: ["bash", "libc-bin"],
  epoch: 1,
  emulation: { host: parsePlatform("amd64"), binfmt: "/nowhere" },
};

function recorder() {
  const events: Event[] = [];
  const context = { reporter: { emit: (event: Event) => events.push(event) } } as unknown as Context;
  return { events, context };
}

test("what cannot be run here is left out by itself, and each package with scripts is named", async () => {
  const { events, context } = recorder();
  expect(await configure(ARM64, JOB, context)).toBe(ARM64);
  expect(events).toEqual([
    expect.objectContaining({
      type: "warned",
      code: "NOT_CONFIGURED",
      message: expect.stringMatching(/cannot run programs for linux\/arm64.* 2 of them did not run: bash, libc-bin/),
    }),
  ]);
});

test("--configure none says the same without a reason", async () => {
  const { events, context } = recorder();
  expect(await configure(ARM64, { ...JOB, mode: "none" }, context)).toBe(ARM64);
  expect(events).toEqual([expect.objectContaining({ message: expect.stringMatching(/^the packages are unpacked/) })]);
});

test.each(["chroot", "userns"] as const)("--configure %s was asked for, so it is an error", async (mode) => {
  const { events, context } = recorder();
  await expect(configure(ARM64, { ...JOB, mode }, context)).rejects.toMatchObject({
    code: "ARCHITECTURE_FOREIGN",
    kind: "unsupported",
    message: expect.stringContaining(`--configure ${mode}`),
  });
  expect(events).toEqual([]);
});
