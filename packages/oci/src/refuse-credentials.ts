import { BaseKitError, printable } from "@base-kit/core";

/** `user:password@` in any URL, and a user alone where it is a token: over HTTP. `ssh://git@host` names nothing secret. */
const CREDENTIALS = /[a-z][a-z0-9+.-]*:\/\/[^\s/?#@:]*:[^\s/?#]*@|https?:\/\/[^\s/?#]+@/i;

/**
 * That no label or annotation holds a URL with a login: whoever may pull the image could read it, for ever.
 *
 * @throws BaseKitError `IMAGE_CREDENTIALS` (usage), without the value
 */
export function refuseCredentials(what: "label" | "annotation", values: Readonly<Record<string, string>>): void {
  const found = Object.entries(values).find(([name, value]) => CREDENTIALS.test(value) || CREDENTIALS.test(name));
  if (found === undefined) return;
  const name = CREDENTIALS.test(found[0]) ? "of a name with a login in it" : printable(found[0]);
  throw new BaseKitError(
    "IMAGE_CREDENTIALS",
    `the ${what} ${name} is refused: it holds a URL with a user or password`,
    {
      kind: "usage",
      hint: "Everyone who may pull the image would see it. Write the URL without the part before the @.",
    },
  );
}
