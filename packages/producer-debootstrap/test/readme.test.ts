import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { z } from "zod";
import { debootstrap } from "../src/index.ts";

const README = readFileSync(new URL("../README.md", import.meta.url), "utf8");

test("the README lists every option", async () => {
  const listed = [...README.matchAll(/^\| ((?:`[\w.-]+`(?:, )?)+) \|/gm)].flatMap(([, cell = ""]) =>
    cell.replaceAll("`", "").split(", "),
  );
  const { properties } = z.toJSONSchema(await debootstrap.schema(), { io: "input" });
  expect(listed).toEqual(Object.keys(properties ?? {}));
});
