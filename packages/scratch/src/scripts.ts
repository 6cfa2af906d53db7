import { BaseKitError, type ByteString, bytesFromText, printable } from "@base-kit/core";
import { resolvePath, type SearchRoot } from "@base-kit/elf";
import { envCommand } from "./env-command.ts";
import type { Shebang } from "./recognize-file.ts";

/** Docker's own, which a container has unless the image says otherwise. */
const PATH = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/**
 * The programs that a script's first line needs: the interpreter, and for `/usr/bin/env NAME` also what env finds.
 *
 * @throws BaseKitError `SCRATCH_INTERPRETER_MISSING` (unsupported)
 */
export function resolveShebang(
  { interpreter, argument }: Shebang,
  { file, root }: { readonly file: string; readonly root: SearchRoot },
): readonly ByteString[] {
  if (interpreter === "") throw unnamed(file);
  if (!interpreter.startsWith("/")) throw missing(file, interpreter, root);
  const path = bytesFromText(interpreter);
  if (resolvePath(root, path)?.node.type !== "file") throw missing(file, interpreter, root);
  if (!/\/env$/.test(interpreter)) return [path];
  const command = envCommand(argument ?? "");
  // The kernel puts the script's own name behind it: env would start the script again, and so on without end.
  if (command === undefined) throw commandless(file, `#!${[interpreter, argument ?? []].flat().join(" ")}`);
  return [path, command.startsWith("/") ? existing(command, { file, root }) : searchPath(root, command, file)];
}

function existing(command: string, { file, root }: { readonly file: string; readonly root: SearchRoot }): ByteString {
  const path = bytesFromText(command);
  if (resolvePath(root, path)?.node.type !== "file") throw missing(file, command, root);
  return path;
}

/** @throws BaseKitError `SCRATCH_INTERPRETER_MISSING` (unsupported) */
export function searchPath(root: SearchRoot, command: string, file: string): ByteString {
  const found = PATH.map((folder) => bytesFromText(`${folder}/${command}`)).find(
    (path) => resolvePath(root, path)?.node.type === "file",
  );
  if (found === undefined) throw missing(file, command, root);
  return found;
}

function unnamed(file: string): BaseKitError {
  return new BaseKitError("SCRATCH_INTERPRETER_MISSING", `${printable(file)} begins with #! and names no interpreter`, {
    kind: "unsupported",
    hint: "Its first line has to look like #!/bin/sh. Nothing was written.",
  });
}

function commandless(file: string, line: string): BaseKitError {
  return new BaseKitError(
    "SCRATCH_INTERPRETER_MISSING",
    `${printable(file)} begins with ${printable(line)} and names no program for env to start`,
    {
      kind: "unsupported",
      hint: "Its first line has to look like #!/usr/bin/env NAME. Nothing was written.",
    },
  );
}

function missing(file: string, interpreter: string, root: SearchRoot): BaseKitError {
  return new BaseKitError(
    "SCRATCH_INTERPRETER_MISSING",
    `${printable(file)} is a script for ${printable(interpreter)}, which is not ${root.name === "" ? "on this machine" : `in ${printable(root.name)}`}`,
    {
      kind: "unsupported",
      hint: `${adviceFor(interpreter)} Nothing was written.`,
    },
  );
}

function adviceFor(interpreter: string): string {
  if (interpreter.endsWith("\r"))
    return "Its first line ends with a carriage return, as on Windows, which is part of the name for Linux: give the file Unix line ends (sed -i 's/\\r$//').";
  if (/[ \t]/.test(interpreter))
    return "env takes the whole line for one name: write `#!/usr/bin/env -S` in front of it.";
  return "Install the interpreter there, or take it from an image with --from-image.";
}
