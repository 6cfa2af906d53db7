import { printable } from "./bytes.ts";

/** A URL for messages, locks and labels: without user, password, query values and fragment, any of which may be a secret. */
export function redactUrl(url: string | URL): string {
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    return printable(String(url).replace(/\/\/[^/@]*@/, "//***@"));
  }
  if (parsed.username !== "" || parsed.password !== "") {
    parsed.username = "***";
    parsed.password = "";
  }
  for (const key of new Set(parsed.searchParams.keys())) parsed.searchParams.set(key, "***");
  parsed.hash = "";
  return parsed.href;
}
