import { BaseKitError, printable } from "@base-kit/core";

/**
 * The flag, else the environment's SOURCE_DATE_EPOCH, in seconds since 1970 (reproducible-builds.org, "SOURCE_DATE_EPOCH").
 *
 * @throws BaseKitError `OPTION_INVALID` (usage)
 */
export function sourceDateEpoch(
  flag: string | undefined,
  environment: Readonly<Record<string, string | undefined>>,
): number | undefined {
  const value = flag ?? environment["SOURCE_DATE_EPOCH"];
  if (value === undefined || value === "") return undefined;
  if (!/^\d{1,12}$/.test(value) || Number(value) > 253_402_300_799) {
    throw new BaseKitError(
      "OPTION_INVALID",
      `${flag === undefined ? "SOURCE_DATE_EPOCH" : "--source-date-epoch"} ${printable(value)} is refused: expected whole seconds since 1970, before the year 10000`,
      { kind: "usage" },
    );
  }
  return Number(value);
}
