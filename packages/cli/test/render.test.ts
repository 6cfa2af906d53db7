import { BaseKitError, type Event } from "@base-kit/core";
import { describe, expect, test } from "vitest";
import { renderFailure } from "../src/render/failure.ts";
import { formatBytes, formatDuration, formatProgress } from "../src/render/format.ts";
import { plainReporter } from "../src/render/plain.ts";
import { untilClosed } from "../src/render/reporter.ts";
import { terminalReporter } from "../src/render/terminal.ts";

test.each([
  [0, "0 B"],
  [999, "999 B"],
  [1000, "1.00 kB"],
  [3_490_290, "3.49 MB"],
  [117_400_000, "117 MB"],
  [999_900_000, "1.00 GB"],
  [999_400_000, "999 MB"],
  [204_000_000_000, "204 GB"],
])("%d bytes are %s", (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

test.each([
  [0.4, "0 ms"],
  [240, "240 ms"],
  [999, "1.0 s"],
  [3240, "3.2 s"],
  [125_000, "2 min 05 s"],
])("%d milliseconds are %s", (milliseconds, text) => {
  expect(formatDuration(milliseconds)).toBe(text);
});

test.each([
  [{ done: 12_300_000, total: 27_100_000, unit: "bytes" }, "45 %  12.3 MB of 27.1 MB"],
  [{ done: 5, unit: "packages", detail: "libc6" }, "5 packages  libc6"],
  [{ done: 30, total: 20, unit: "entries" }, "100 %  30 of 20 entries"],
])("progress %j reads %s", (progress, text) => {
  expect(formatProgress(progress)).toBe(text);
});

const RUN: readonly Event[] = [
  { type: "step.started", step: 1, title: "downloading" },
  { type: "step.progressed", step: 1, done: 500, total: 1000, unit: "bytes" },
  { type: "noted", message: "a thing to know" },
  { type: "step.ended", step: 1, title: "downloading", outcome: "done", durationMs: 1500, detail: "1.00 kB" },
  { type: "step.started", step: 2, title: "checking" },
  { type: "step.ended", step: 2, title: "checking", outcome: "failed", durationMs: 20 },
  { type: "step.started", step: 3, title: "beside it" },
  { type: "step.ended", step: 3, title: "beside it", outcome: "stopped", durationMs: 30 },
  { type: "warned", code: "X", message: "a thing to mind" },
];

describe("a log", () => {
  test("has a line per finished step, with its time", () => {
    let text = "";
    const reporter = plainReporter((more) => {
      text += more;
    });
    for (const event of RUN) reporter.emit(event);
    expect(text).toBe(
      "note: a thing to know\ndownloading: 1.00 kB (1.5 s)\nchecking failed (20 ms)\nwarning: a thing to mind\n",
    );
  });

  test("shows every ten seconds that a long step lives", () => {
    let text = "";
    let now = 0;
    const reporter = plainReporter(
      (more) => {
        text += more;
      },
      () => now,
    );
    reporter.emit({ type: "step.started", step: 1, title: "long" });
    for (; now <= 25_000; now += 1000) reporter.emit({ type: "step.progressed", step: 1, done: now, unit: "entries" });
    expect(text).toBe("long: 10000 entries\nlong: 20000 entries\n");
  });
});

test.each([
  ["a log", (write: (text: string) => void) => ({ ...plainReporter(write), close: () => {} })],
  ["a terminal", (write: (text: string) => void) => terminalReporter({ write, columns: () => 80, colour: false })],
] as const)("%s ends when the command does, whatever is still being stopped", (_, reporterTo) => {
  let text = "";
  const reporter = untilClosed(
    reporterTo((more) => {
      text += more;
    }),
  );
  reporter.emit({ type: "step.started", step: 1, title: "downloading" });
  reporter.emit({ type: "step.ended", step: 2, title: "checking", outcome: "failed", durationMs: 20 });
  reporter.close();
  const before = text;
  expect(before).toContain("checking");
  reporter.emit({ type: "step.ended", step: 1, title: "downloading", outcome: "failed", durationMs: 30 });
  reporter.emit({ type: "step.started", step: 3, title: "again" });
  expect(text).toBe(before);
});

describe("a terminal", () => {
  function picture(events: readonly Event[], columns = 80): readonly string[] {
    const screen = new Screen();
    const reporter = terminalReporter({
      write: (text) => screen.write(text),
      columns: () => columns,
      colour: false,
      now: () => 0,
    });
    for (const event of events) reporter.emit(event);
    return screen.lines();
  }

  test("keeps finished steps and erases the bars", () => {
    expect(picture(RUN)).toEqual([
      "note a thing to know",
      "✓ downloading  1.00 kB  1.5 s",
      "✗ checking  20 ms",
      "warning a thing to mind",
    ]);
  });

  test("shows what runs now below what is done", () => {
    const lines = picture([
      ...RUN,
      { type: "step.started", step: 3, title: "loading" },
      { type: "noted", message: "hm" },
    ]);
    expect(lines.slice(-2)).toEqual(["hm".padStart(7, "note "), "· loading  0 ms"]);
  });

  test("never lets a line wrap, which could not be erased", () => {
    const lines = picture([{ type: "step.started", step: 1, title: "x".repeat(300) }], 40);
    expect(lines.map((line) => line.length)).toEqual([39]);
  });

  /** The few sequences the reporter uses, drawn. */
  class Screen {
    readonly #rows: string[] = [""];
    #row = 0;

    write(text: string): void {
      // biome-ignore lint/suspicious/noControlCharactersInRegex: a terminal is made of them
      for (const [part] of text.matchAll(/\x1b\[(\d+)A|\x1b\[0J|\n|[^\x1b\n]+/g)) {
        if (part === "\n") {
          this.#row += 1;
          this.#rows[this.#row] ??= "";
        } else if (part.endsWith("A")) this.#row -= Number(part.slice(2, -1));
        else if (part === "\x1b[0J") {
          this.#rows.length = this.#row + 1;
          this.#rows[this.#row] = "";
        } else this.#rows[this.#row] += part;
      }
    }

    lines(): readonly string[] {
      return this.#rows.filter((row) => row !== "");
    }
  }
});

describe("a failure", () => {
  test("that was foreseen shows message, hint and code, and no stack", () => {
    const error = new BaseKitError("X_BROKE", "cannot do x", { kind: "network", hint: "Try again." });
    expect(renderFailure(error)).toEqual({ text: "error: cannot do x [X_BROKE]\nTry again.\n", exitCode: 4 });
  });

  test("and after which clearing up failed too is the one that is shown", async () => {
    const clearing = { [Symbol.asyncDispose]: () => Promise.reject(new Error("not cleared")) };
    const work = async () => {
      await using _ = clearing;
      throw new BaseKitError("X_BROKE", "cannot do x", { kind: "network" });
    };
    const thrown: unknown = await work().catch((error: unknown) => error);
    expect(thrown).toHaveProperty("suppressed");
    expect(renderFailure(thrown)).toEqual({ text: "error: cannot do x [X_BROKE]\n", exitCode: 4 });
  });

  test.each([
    ["ENOSPC", "the disk is full: /full/disk", 5],
    ["EACCES", "permission denied: /full/disk", 5],
  ])("of the system (%s) says what it means", (code, message, exitCode) => {
    const error = Object.assign(new Error(`${code}: x`), { code, path: "/full/disk" });
    const rendered = renderFailure(error);
    expect(rendered.text).toContain(message);
    expect(rendered.exitCode).toBe(exitCode);
  });

  test("that nobody foresaw is a bug, with its stack", () => {
    const rendered = renderFailure(new TypeError("undefined is not a function"));
    expect(rendered.text).toMatch(/^error: .* \[INTERNAL\]\n/);
    expect(rendered.text).toContain("This is a bug");
    expect(rendered.text).toContain("render.test.ts");
    expect(rendered.exitCode).toBe(70);
  });
});
