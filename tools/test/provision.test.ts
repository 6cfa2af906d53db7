import { describe, expect, it } from "vitest";
import { missingPackages, PACKAGES, provisioningObstacle } from "../testing/provision.mjs";

describe("the table of packages", () => {
  it("says of each what is looked for and what it is for", () => {
    for (const { name, programs = [], files = [], purpose } of PACKAGES) {
      expect([...programs, ...files], name).not.toEqual([]);
      expect(purpose, name).not.toBe("");
    }
  });

  it("asks for no second engine where one answers", () => {
    expect(missingPackages({ engineAnswers: true }).map(({ name }) => name)).not.toContain("docker.io");
  });
});

it("nothing is installed when BASE_KIT_PROVISION is 0", () => {
  expect(provisioningObstacle({ BASE_KIT_PROVISION: "0" })).toBe("BASE_KIT_PROVISION=0");
});
