import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { z } from "zod";
import { debootstrap, TWEAKS } from "../src/index.ts";

const README = readFileSync(new URL("../README.md", import.meta.url), "utf8");

test("the README lists every tweak in its order, and every option", async () => {
  const [options = "", tweaks = ""] = README.split("## Tweaks");
  const first = (text: string) =>
    [...text.matchAll(/^\| ((?:`[\w.-]+`(?:, )?)+) \|/gm)].flatMap(([, cell = ""]) =>
      cell.replaceAll("`", "").split(", "),
    );
  expect(first(tweaks)).toEqual(TWEAKS.map(({ name }) => name));
  const { properties } = z.toJSONSchema(await debootstrap.schema(), { io: "input" });
  expect(first(options)).toEqual(Object.keys(properties ?? {}));
});
