import { readTextFile } from "@base-kit/rootfs";
import { describe, expect, test } from "vitest";
import { TWEAKS, type Tweak } from "../src/index.ts";
import { chosenTweaks } from "../src/tweaks.ts";
import { linesOf, rootfsOf } from "./tree.ts";

const DAY = 86_400;
const BUILD = { epoch: 20_000 * DAY + 5, include: ["vim"], architecture: "amd64" };

function tweak(name: string): Tweak {
  const [found] = chosenTweaks([name]);
  if (found === undefined) throw new Error(`there is no tweak ${name}`);
  return found;
}

async function after(name: string, text: string, packages: readonly string[] = []) {
  return linesOf(await tweak(name).apply(rootfsOf(text, packages), BUILD), { directories: true });
}

describe("the choice of tweaks", () => {
  const names = TWEAKS.map(({ name }) => name);
  test.each([
    [["default"], names],
    [["none"], []],
    [
      ["logs", "docker-clean"],
      ["docker-clean", "logs"],
    ],
  ])("%j means %j", (choice, expected) => {
    expect(chosenTweaks(choice).map(({ name }) => name)).toEqual(expected);
  });

  test("each has a name of its own, says what it does and why", () => {
    expect(new Set(names).size).toBe(names.length);
    for (const { name, summary, why } of TWEAKS) {
      expect(name).toMatch(/^[a-z][a-z.-]+$/);
      expect(summary.length).toBeGreaterThan(10);
      expect(why.length).toBeGreaterThan(20);
    }
  });
});

describe("a tweak", () => {
  test.each([
    ["docker-clean", "Dir::Cache::pkgcache", "etc/apt/apt.conf.d/docker-clean"],
    ["docker-gzip-indexes", 'Acquire::GzipIndexes "true";', "etc/apt/apt.conf.d/docker-gzip-indexes"],
    ["docker-no-languages", 'Acquire::Languages "none";', "etc/apt/apt.conf.d/docker-no-languages"],
    [
      "docker-autoremove-suggests",
      'Apt::AutoRemove::SuggestsImportant "false";',
      "etc/apt/apt.conf.d/docker-autoremove-suggests",
    ],
    ["docker-apt-speedup", "force-unsafe-io", "etc/dpkg/dpkg.cfg.d/docker-apt-speedup"],
  ])("%s sets %s", async (name, setting, path) => {
    const rootfs = await tweak(name).apply(rootfsOf(""), BUILD);
    expect(await readTextFile(rootfs, path)).toContain(`\n${setting}`);
  });

  test("auto-installed marks all packages that were not asked for", async () => {
    const rootfs = await tweak("auto-installed").apply(rootfsOf("", ["libc6", "vim"]), BUILD);
    expect(await readTextFile(rootfs, "var/lib/apt/extended_states")).toBe(
      "Package: libc6\nArchitecture: amd64\nAuto-Installed: 1\n\n",
    );
  });

  test("host-names forgets the build machine, modes too", async () => {
    const lines = await after(
      "host-names",
      'file 755 0:0 etc/hostname "builder"\nfile 755 0:0 etc/resolv.conf "nameserver 10.0.0.1"',
    );
    expect(lines).toEqual([
      "directory 755 0:0 etc/",
      `file 644 0:0@${BUILD.epoch} etc/hostname "localhost\\n"`,
      `file 644 0:0@${BUILD.epoch} etc/resolv.conf ""`,
    ]);
  });

  test("root-directory opens the root to everybody", async () => {
    const [root] = (await tweak("root-directory").apply(rootfsOf(""), BUILD)).segments.flatMap((each) => [
      ...each.entries(),
    ]);
    expect(root).toMatchObject({ type: "directory", path: "", mode: 0o755, uid: 0, gid: 0 });
    for (const [mode, segments] of [
      ["700", 2],
      ["755", 1],
    ] as const)
      expect((await tweak("root-directory").apply(rootfsOf(`directory ${mode} 0:0 ./`), BUILD)).segments).toHaveLength(
        segments,
      );
  });

  test("shadow-days takes later days back, and leaves earlier ones, empty ones and modes", async () => {
    const shadow = "root:*:20500:0:99999:7:::\\nold:*:19000:0:99999:7:::\\nnever:!::::::\\n";
    expect(await after("shadow-days", `file 640 0:42 etc/shadow "${shadow}"`)).toEqual([
      "directory 755 0:0 etc/",
      `file 640 0:42 etc/shadow "${shadow.replace("20500", "20000")}"`,
    ]);
  });

  test("policy-rc.d is a program that says no", async () => {
    const lines = await after("policy-rc.d", "");
    expect(lines.at(-1)).toMatch(/^file 755 0:0@\d+ usr\/sbin\/policy-rc\.d "#!\/bin\/sh\\n.*\\nexit 101\\n"$/);
  });

  test("initctl is diverted where upstart is installed", async () => {
    const text = 'file 755 0:0 sbin/initctl "upstart"\nfile 644 0:0 var/lib/dpkg/diversions "a\\nb\\nc\\n"';
    const lines = (await after("initctl", text, ["upstart"])).filter((line) => line.startsWith("file"));
    expect(lines).toEqual([
      expect.stringMatching(/sbin\/initctl "#!\/bin\/sh\\n.*exit 0\\n"/),
      'file 755 0:0 sbin/initctl.distrib "upstart"',
      expect.stringContaining('"a\\nb\\nc\\n/sbin/initctl\\n/sbin/initctl.distrib\\n:\\n"'),
    ]);
    expect(await after("initctl", text)).toEqual(await linesOf(rootfsOf(text), { directories: true }));
  });

  test.each([
    [
      "apt-caches",
      'file 644 0:0 var/cache/apt/archives/a.deb ""\nfile 644 0:0 var/lib/apt/lists/x_InRelease ""\nfile 644 0:0 var/lib/apt/extended_states ""',
      ['file 644 0:0 var/lib/apt/extended_states ""'],
    ],
    [
      "logs",
      'file 644 0:0 var/log/dpkg.log ""\nfile 644 0:0 var/log/bootstrap.log ""\nfile 644 0:0 var/log/wtmp ""\nfile 644 0:0 run/mount/utab ""',
      ['file 644 0:0 var/log/wtmp ""'],
    ],
    ["machine-id", 'file 444 0:0 etc/machine-id "1"\nfile 644 0:0 etc/motd ""', ['file 644 0:0 etc/motd ""']],
    ["pseudo-filesystems", "character-device 666 0:0 dev/null 1,3\nsymlink 777 0:0 dev/fd -> /proc/self/fd", []],
  ])("%s removes what it says and nothing else", async (name, text, expected) => {
    expect(await linesOf(await tweak(name).apply(rootfsOf(text), BUILD))).toEqual(expected);
  });
});
