import { BlockList, isIP } from "node:net";
import { BaseKitError, redactUrl } from "@base-kit/core";

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The proxy for a URL by `http_proxy`, `https_proxy` and `no_proxy` (lower case first, as curl and wget read them), or
 * undefined for a direct connection, which this machine itself always gets.
 *
 * @throws BaseKitError `PROXY_INVALID` (usage)
 */
export function proxyFor(url: URL, env: Environment): URL | undefined {
  const name = url.protocol === "https:" ? "https_proxy" : "http_proxy";
  const value = read(env, name);
  if (value === undefined || isOwn(url) || isExcluded(url, read(env, "no_proxy") ?? "")) return undefined;
  // "proxy.example.com:3128" is what many people write.
  const text = value.includes("://") ? value : `http://${value}`;
  const proxy = URL.canParse(text) ? new URL(text) : undefined;
  if (proxy === undefined || !["http:", "https:"].includes(proxy.protocol) || !isEncoded(proxy)) {
    throw new BaseKitError("PROXY_INVALID", `${name} is not the URL of an HTTP proxy: ${redactUrl(text)}`, {
      kind: "usage",
      hint: `Set ${name} to something like http://proxy.example.com:3128 (a % in a password is %25), or unset it.`,
    });
  }
  return proxy;
}

/** Whether its user and password can be read: a `%` in them is written `%25`. */
function isEncoded({ username, password }: URL): boolean {
  try {
    decodeURIComponent(`${username}:${password}`);
    return true;
  } catch {
    return false;
  }
}

/** What is on this machine stays on it, as with Go's programs (docker, podman, skopeo): a proxy elsewhere would ask itself. */
function isOwn({ hostname }: URL): boolean {
  const host = hostname.replace(/^\[|\]$/g, "");
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

function read(env: Environment, name: string): string | undefined {
  return env[name] || env[name.toUpperCase()] || undefined;
}

/** `no_proxy` entries as curl and Go take them: `*`, host, `.suffix`, host:port, IP address, CIDR block. */
function isExcluded(url: URL, noProxy: string): boolean {
  const host = url.hostname.replace(/^\[|\]$/g, "").toLowerCase();
  const port = url.port || (url.protocol === "https:" ? "443" : "80");
  return noProxy
    .toLowerCase()
    .split(/[\s,]+/)
    .filter((entry) => entry !== "")
    .some((entry) => entry === "*" || matches(entry, host, port));
}

function matches(entry: string, host: string, port: string): boolean {
  if (entry.includes("/")) return inBlock(entry, host);
  const withPort = /^(\[.+\]|[^:]+):(\d+)$/.exec(entry);
  if (withPort && withPort[2] !== port) return false;
  const name = (withPort?.[1] ?? entry).replace(/^\[|\]$/g, "").replace(/^\*?\./, "");
  return host === name || (isIP(host) === 0 && host.endsWith(`.${name}`));
}

function inBlock(entry: string, host: string): boolean {
  const [network = "", bits = ""] = entry.split("/");
  const family = isIP(network);
  if (family === 0 || family !== isIP(host) || !/^\d+$/.test(bits) || Number(bits) > (family === 4 ? 32 : 128)) {
    return false;
  }
  const type = family === 4 ? "ipv4" : "ipv6";
  const block = new BlockList();
  block.addSubnet(network, Number(bits), type);
  return block.check(host, type);
}
