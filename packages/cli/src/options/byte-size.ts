import { BaseKitError, printable } from "@base-kit/core";

const UNITS: Readonly<Record<string, number>> = {
  "": 1,
  k: 1000,
  m: 1000 ** 2,
  g: 1000 ** 3,
  t: 1000 ** 4,
  ki: 1024,
  mi: 1024 ** 2,
  gi: 1024 ** 3,
  ti: 1024 ** 4,
};

/**
 * `500MB`, `10 GiB`, `0`: a size as bytes.
 *
 * @param name the option or variable, for messages
 * @throws BaseKitError `OPTION_INVALID` (usage)
 */
export function parseByteSize(name: string, text: string): number {
  const [, number = "", prefix = ""] = /^(\d{1,12}(?:\.\d{1,6})?) ?([kmgt]?i?)b?$/i.exec(text.trim()) ?? [];
  const unit = UNITS[prefix.toLowerCase()];
  if (number === "" || unit === undefined) {
    throw new BaseKitError(
      "OPTION_INVALID",
      `${name} ${printable(text)} is refused: expected a size such as 500MB or 10GB`,
      { kind: "usage" },
    );
  }
  return Math.floor(Number(number) * unit);
}
