import { BaseKitError, closest, printable } from "@base-kit/core";
import type { PackagesIndex } from "../index/packages-index.ts";

/** Names that no index has, and what may have been meant. */
export function notFound(names: readonly string[], indexes: readonly PackagesIndex[]): BaseKitError {
  const known = indexes.flatMap((index) => [...index.names()]);
  const meant = names.flatMap((name) => {
    const near = closest(
      name,
      known.filter((other) => Math.abs(other.length - name.length) < 3),
    );
    return near.length === 0
      ? []
      : [`${printable(name)}: did you mean ${near.map((each) => printable(each)).join(" or ")}?`];
  });
  const list = names.map((name) => printable(name)).join(", ");
  const message = `${names.length === 1 ? "there is no package" : "there are no packages"} ${list} in ${indexes.map(({ subject }) => subject).join(", ")}`;
  const hint = [...meant, "Packages outside main need --components."].join(" ");
  return new BaseKitError("PACKAGE_UNKNOWN", message, { kind: "usage", hint });
}
