import { BaseKitError, formatPlatform, hostPlatform, type Platform, parsePlatform } from "@base-kit/core";

/**
 * `--arch amd64,arm64`, in the order given; this machine's without it.
 *
 * @throws BaseKitError `PLATFORM_UNKNOWN`, `OPTION_INVALID` (usage)
 */
export function platformsFromFlag(names: readonly string[] | undefined): readonly [Platform, ...Platform[]] {
  const [first = hostPlatform(), ...others] = (names ?? []).map(parsePlatform);
  const platforms = [first, ...others] as const;
  const formatted = platforms.map(formatPlatform);
  const twice = formatted.find((platform, at) => formatted.indexOf(platform) !== at);
  if (twice === undefined) return platforms;
  throw new BaseKitError("OPTION_INVALID", `--arch names ${twice} twice`, { kind: "usage" });
}
